include "lib";
# Rows of LiteLLM_SpendLogs, from the table or the API. What the cache answered cost nothing and is no answer of the model.
(.metadata | unpacked | if type == "object" then . else {} end) as $extra
| (.request_id // .id) as $id
| if (.status // $extra.status) == "failure" then {skip: "failed: \($extra.error_information.error_class // $extra.error_information.error_code // "no reason given")"}
  elif (.cache_hit | boolean) == true and $options.cached != "keep" then {skip: "answered from a cache, taken with --option cached=keep"}
  elif (.call_type // "" | . as $call | (["completion", "acompletion", "responses", "aresponses", "anthropic_messages", ""] | index($call)) == null and test("embed|image|transcription|speech|rerank|moderation|health|video|ocr|mcp|batch|file|search")) then {skip: "call type \(.call_type)"}
  elif (.model // "") == "" then {skip: "no model"}
  else
    ((.messages | unpacked | filled) // (.proxy_server_request | unpacked | if type == "object" then .body // . | asked else null end)) as $asked
    | ((.response | unpacked | filled) // (.output | if type == "array" then {choices: map(unpacked)} else null end)) as $response
    | ($extra.additional_usage_values // {}) as $usage
    | { prompt: ((if $asked == null then {prompt_id: $id} else {prompt: $asked} end)
                 + {benchmark: ($options.benchmark // "litellm"), arrived_at: (.startTime | zoned)}),
        model: ({id: .model, provider: (.custom_llm_provider | filled)}),
        outcome: ({ model_id: .model, sample: $id, response: ($response // null | if . == null then null else replies | first end),
                    input_tokens: (.prompt_tokens | positive), output_tokens: (.completion_tokens | number),
                    cached_input_tokens: ($usage.prompt_tokens_details.cached_tokens // $usage.cache_read_input_tokens),
                    reasoning_tokens: $usage.completion_tokens_details.reasoning_tokens, cost_usd: (.spend | positive),
                    latency_s: ((.request_duration_ms | positive | if . == null then null else . / 1000 end) // elapsed(.startTime; .endTime)) }) }
      | if .outcome.input_tokens == null then del(.outcome.output_tokens) else . end
  end
