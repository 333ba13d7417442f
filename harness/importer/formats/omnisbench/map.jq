include "lib";
# An answer stands there once for every policy that chose its model. There are no prompts, only the tasks' ids.
{ prompt: {prompt_id: "\(.dataset)/\(.item_id)", benchmark: "omnisbench", category: .dataset, reference: (.reference | texted)},
  outcome: { model_id: .chosen_model, response: .response_text, score: (.passed | score), cost_usd: .cost_usd, input_tokens: .input_tokens,
             output_tokens: .output_tokens, latency_s: (.latency_ms | number | if . == null then null else . / 1000 end) } }
