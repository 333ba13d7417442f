include "lib";
# Answers are lines with global_index; cost.json is a list of prices by model. METEOR, a share, sometimes comes out just below 0.
if .global_index == null then
  .key as $model
  | .value | select(type == "object")
  | {model: ({id: $model, price_input_usd_per_mtok: .input_token_price_per_million, price_output_usd_per_mtok: .output_token_price_per_million})}
elif .success == false then {skip: "failed: \(.error // "no reason given")"}
else
  { prompt: ({ prompt_id: .global_index, benchmark: "routerarena", category: (.global_index | split("_")[:-1] | join("_")), prompt: .question,
               reference: (.evaluation_result.ground_truth | texted) }),
    model: {id: .llm_selected, provider: .provider},
    outcome: ({ model_id: .llm_selected, response: .generated_answer, answer: (.evaluation_result.extracted_answer | texted),
                score: (.evaluation_result | .metric as $metric | .score | score | if $metric == "meteor_score" and . != null and . < 0 then 0 else . end), cost_usd: (.evaluation_result.inference_cost | number),
                input_tokens: .token_usage.input_tokens, output_tokens: .token_usage.output_tokens }) }
end
