include "lib";
# Two tables: what the data generator logs (a line a call), and the benchmark table with model_N_performance, model_N_cost and
# model_N_response, whose models `--option models=a,b,c` names in order.
if .model_info != null then
  if .success == false then {skip: "failed: \(.error_message // "no reason given")"}
  else
    { prompt: {benchmark: "orbit", prompt: .query},
      model: ({id: .model_info.model_name, provider: .model_info.provider}),
      outcome: ({ model_id: .model_info.model_name, sample: .query_id, response: .response,
                  input_tokens: .token_usage.prompt_tokens, output_tokens: .token_usage.completion_tokens,
                  cost_usd: .metadata.estimated_cost_usd, latency_s: .timing_info.duration_seconds, score: (.metadata.score | score) }) }
  end
else
  . as $row | ($options.models // "" | split(",")) as $names
  | [keys[] | capture("^model_(?<n>[0-9]+)_performance$").n | tonumber] | sort
  | if length == 0 then {skip: "neither a call nor a row with model_N_performance"} else .[] end
  | if type == "object" then . else
      . as $n
      | { prompt: ({prompt_id: ($row.sample_id // $row.id // $line | tostring), benchmark: "orbit", category: $row.eval_name, prompt: $row.prompt}),
          outcome: ({ model_id: ($names[$n] // "model_\($n)"), score: ($row["model_\($n)_performance"] | score),
                      cost_usd: ($row["model_\($n)_cost"] | number), response: $row["model_\($n)_response"] }) }
      | select(.outcome.score != null)
    end
end
