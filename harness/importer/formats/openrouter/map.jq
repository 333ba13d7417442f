include "lib";
# The activity page's CSV (a row a generation), or the generation API's objects. Prices go by native tokens, so these count.
(if (.data | type) == "object" then .data else . end)
| (.generation_id // .id) as $id
| if $id == null then {skip: "a sum of a day, not a request"}
  elif (.cancelled | boolean) == true then {skip: "cancelled"}
  elif (.finish_reason_normalized // .finish_reason) == "error" then {skip: "failed"}
  else
    ((.model_permaslug // .model) | filled) as $model
    | (.generation_time_ms // .latency // .generation_time | positive) as $ms
    | ((.cost_total // .total_cost // .usage | number // 0)
       + (if (.is_byok | boolean) == true then .upstream_inference_cost | number // 0 else .byok_usage_inference | number // 0 end)) as $cost
    | if $model == null then {skip: "no model"}
      else
        { prompt: ({prompt_id: $id, benchmark: ($options.benchmark // "openrouter"), category: (.app_name | filled), arrived_at: (.created_at | zoned)}),
          model: ({id: $model, provider: ((.provider_name | filled) // null)}),
          outcome: ({ model_id: $model, sample: $id, input_tokens: ((.native_tokens_prompt // .tokens_prompt) | positive),
                      output_tokens: ((.native_tokens_completion // .tokens_completion) | number),
                      cached_input_tokens: ((.native_tokens_cached // .tokens_cached) | number),
                      reasoning_tokens: ((.native_tokens_reasoning // .tokens_reasoning) | number), cost_usd: ($cost | positive),
                      latency_s: (if $ms == null then null else $ms / 1000 end) }) }
      end
  end
