include "lib";
# One line an interaction. What the format has no field for (cost, energy, category, …) our own export puts into metadata.
($options.result // null) as $result
| if $result != null and .evaluation_result_id != $result then {skip: "result \(.evaluation_result_id)"}
  else
    (.metadata // {}) as $extra
    | ((.messages // []) | map(.role == "assistant") | index(true)) as $first
    | { prompt: ({ prompt_id: ($extra.prompt_id // "\(.evaluation_name)/\(.sample_id)"), benchmark: ($extra.benchmark // .evaluation_name),
                   category: ($extra.category // $extra.subject), source: $extra.source, split: $extra.split, arrived_at: $extra.arrived_at,
                   reference: (.input.reference | if (. // []) == [] then null else join("\n") end),
                   prompt: (if .messages == null then
                       (.input.choices // []) as $choices
                       | .input.raw | if $choices == [] or contains($choices[0]) then . else lettered($choices) end
                     else .messages[:$first // (.messages | length)] | map({role, content}) end) }),
        outcome: ({ model_id: .model_id, sample: ($extra.sample | number),
                    response: (if .messages == null then .output.raw | if . == null then null else join("\n") end
                      else [.messages[] | select(.role == "assistant")] | last | reply end),
                    answer: ([.answer_attribution[]? | select(.is_terminal) | .extracted_value] | last),
                    score: (.evaluation.score | score), input_tokens: (.token_usage.input_tokens // ($extra.input_tokens | number)), output_tokens: (.token_usage.output_tokens // ($extra.output_tokens | number)),
                    cached_input_tokens: (.token_usage.input_tokens_cache_read // ($extra.cached_input_tokens | number)),
                    reasoning_tokens: (.token_usage.reasoning_tokens // ($extra.reasoning_tokens | number)),
                    latency_s: ((.performance.latency_ms // .performance.generation_time_ms) | if . == null then null else . / 1000 end),
                    cost_usd: ($extra.cost_usd | number), energy_wh: ($extra.energy_wh | number), carbon_g: ($extra.carbon_g | number), water_ml: ($extra.water_ml | number),
                    propensity: ($extra.propensity | number) }) }
  end
