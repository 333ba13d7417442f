include "lib";
# The wide table has three columns a model, the long one (routerbench_raw) a row an answer. Texts are Python lists written as text.
def written: (python_list | if . == null then null else join("\n") end) // . | filled;
def question: {prompt_id: (.sample_id | tostring), benchmark: "routerbench", category: .eval_name, source: .source, prompt: (.prompt | written)};

if .model_name != null then
  { prompt: question,
    outcome: ({model_id: .model_name, response: (.model_response | written), score: (.performance | score), cost_usd: (.cost | number)}) }
else
  . as $row
  | question as $asked
  | [keys[] | select(endswith("|total_cost") or endswith("|model_response")) | rtrimstr("|total_cost") | rtrimstr("|model_response")] | unique
  | if length == 0 then {skip: "no column MODEL|total_cost or MODEL|model_response"} else .[] end
  | if type == "object" then . else
      . as $model
      | { prompt: $asked,
          outcome: ({ model_id: $model, response: ($row[$model + "|model_response"] | written), score: ($row[$model] | score),
                      cost_usd: ($row[$model + "|total_cost"] | number) }) }
      | select(.outcome | .score != null or .cost_usd != null or .response != null)
    end
end
