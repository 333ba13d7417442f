include "lib";
# Lines of a logs export. Costs are in cents.
def body: unpacked | if type == "object" and has("body") then .body | unpacked else . end;

if (.is_success | boolean) == false then {skip: "failed: status \(.response_status_code // "unknown")"}
elif (.cache_status // "" | ascii_upcase | contains("HIT")) and $options.cached != "keep" then {skip: "answered from a cache, taken with --option cached=keep"}
elif (.cost_currency // "USD") != "" and (.cost_currency // "USD" | ascii_upcase) != "USD" then {skip: "a cost in \(.cost_currency)"}
else
  ((.request // .["request.body"]) | body) as $request
  | ((.response // .["response.body"]) | body) as $response
  | (($response | if type == "object" then .model else null end) // (.ai_model | filled) // ($request | if type == "object" then .model else null end)) as $model
  | ($request | if type == "object" then asked else null end) as $asked
  | (.metadata // {} | unpacked | if type == "object" then . else {} end) as $tags
  | ((.id | filled) // (.trace_id | filled) // "line-\($line)") as $id
  | if $model == null then {skip: "no model"}
    else
      { prompt: ((if $asked == null then {prompt_id: $id} else {prompt: $asked} end)
                 + {benchmark: ($options.benchmark // "portkey"), category: (if $options.category == null then null else $tags[$options.category] end),
                    arrived_at: (.created_at | zoned)}),
        model: ({id: $model, provider: (.ai_org | filled)}),
        outcome: ({ model_id: $model, sample: $id, response: ($response // null | replies | first), input_tokens: (.req_units | positive),
                    output_tokens: (.res_units | number), cost_usd: (.cost | positive | if . == null then null else . / 100 end),
                    latency_s: (.response_time | number | if . == null then null else . / 1000 end) }
                  + ($response | usage | {cached_input_tokens, reasoning_tokens})) }
    end
end
