include "lib";
# Requests as the query API and the export tool write them; bodies are there where they were asked for.
def graded($wanted):
  (.scores // {} | unpacked) as $all
  | ($wanted // ($all | if length == 1 then keys[0] else null end)) as $name
  | (if $name == null then null else $all[$name] | if type == "object" then .value else . end end) // (.feedback_rating | boolean) | score;

(.response_status | number) as $status
| if $status != null and ($status < 200 or $status >= 300) then {skip: "failed: status \($status)"}
  elif (.cache_reference_id // "" | ltrimstr("00000000-0000-0000-0000-000000000000")) != "" and $options.cached != "keep" then {skip: "answered from a cache, taken with --option cached=keep"}
  else
    (.request_body | unpacked) as $request
    | (.response_body | unpacked) as $response
    | ((.response_model | filled) // (.model | filled) // (.model_override | filled) // (.request_model | filled)) as $model
    | ($request | if type == "object" then asked else null end) as $asked
    | (.request_properties // .properties // {} | unpacked) as $tags
    | (.request_id // .response_id) as $id
    | if $model == null then {skip: "no model"}
      else
        { prompt: ((if $asked == null then {prompt_id: $id} else {prompt: $asked} end)
                   + {benchmark: ($options.benchmark // "helicone"), category: (if $options.category == null then null else $tags[$options.category] end),
                      arrived_at: (.request_created_at | zoned)}),
          model: ({id: $model, provider: (.provider // null | if . == null then null else ascii_downcase end)}),
          outcome: ({ model_id: $model, sample: $id, response: ($response // null | replies | first), score: graded($options.score),
                      input_tokens: (.prompt_tokens | positive), output_tokens: (.completion_tokens | number),
                      cached_input_tokens: (.prompt_cache_read_tokens | number), cost_usd: ((.costUSD // .cost) | positive),
                      latency_s: ((.delay_ms // .latency) | number | if . == null then null else . / 1000 end) }) }
      end
  end
