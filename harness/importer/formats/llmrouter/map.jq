include "lib";
# Lines of routing data (a line an answer), query data (a line a question), and the candidates' file (a model a key).
def billions: if type == "string" then (capture("^(?<n>[0-9.]+) *[bB]").n | tonumber) // null else null end;

if .query != null then
  (.choices | unpacked) as $choices
  | {prompt: ({benchmark: .task_name, category: .task_name, source: "llmrouter", reference: (.ground_truth | texted),
               prompt: (.query | lettered($choices | if type == "object" then .text else . end))})}
    + if .model_name == null then {} else
        { outcome: ({ model_id: .model_name, response: .response, score: (.performance | score), input_tokens: (.input_tokens | number),
                      output_tokens: (.output_tokens | number), latency_s: (.response_time | number) }) }
      end
elif (.value | type) == "object" and .value.input_price != null then
  {model: ({id: .key, provider: (.value.service // null | if . == null then null else ascii_downcase end), params_total_b: (.value.size | billions),
            price_input_usd_per_mtok: .value.input_price, price_output_usd_per_mtok: .value.output_price})}
else {skip: "no query"} end
