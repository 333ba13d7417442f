include "lib";
# Records of the router's replay store: one decision each, with the model that it chose and what became of the answer.
# verdict: the last word on the model. An answer of a model that was larger than needed is a right answer; a score of 0 is left out.
def verdict:
  [.outcomes[]? | select(.target == "model")] | last
  | if . == null then null
    elif .verdict == "good_fit" or .verdict == "overprovisioned" then if (.score // 0) > 0 then .score else 1 end
    elif .verdict == "underpowered" or .verdict == "failed" then .score // 0
    else null end;

if .selected_model == null and .original_model == null then {skip: "no model"}
elif .from_cache == true and $options.cached != "keep" then {skip: "answered from a cache, taken with --option cached=keep"}
elif .lifecycle_state == "failed" or .lifecycle_state == "aborted" then {skip: "\(.lifecycle_state): \(.terminal_reason // "no reason given")"}
elif (.response_status // 200) >= 300 then {skip: "failed: status \(.response_status)"}
else
  (.request_body | unpacked | if type == "object" then asked else null end) as $messages
  | (if .prompt_truncated == true or .request_body_truncated == true then null else $messages // (.prompt | filled) end) as $asked
  | (.selected_model // .original_model) as $model
  | (.request_id // .id) as $id
  | { prompt: ((if $asked == null then {prompt_id: $id} else {prompt: $asked} end)
               + {benchmark: ($options.benchmark // "vllm-sr"), category: ((.category | filled) // (.decision | filled)), arrived_at: .timestamp}),
      outcome: ({ model_id: $model, sample: $id,
                  response: (if .response_body_truncated == true then null else .response_body | unpacked | if . == null or . == "" then null else replies | first end end),
                  score: verdict, input_tokens: .prompt_tokens, output_tokens: .completion_tokens, cached_input_tokens: .cached_prompt_tokens,
                  cost_usd: (if (.currency // "USD") == "USD" then .actual_cost else null end),
                  latency_s: (.duration_ms | positive | if . == null then null else . / 1000 end) }) }
end
