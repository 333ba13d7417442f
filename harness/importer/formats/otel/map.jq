include "lib";
# Spans and log records of OTLP in JSON. Attributes are lists of {key, value: {stringValue | intValue | …}}; names changed with the
# versions of the convention: prompt_tokens became input_tokens, system became provider.name, events became attributes.
def value:
  if .stringValue != null then .stringValue
  elif .intValue != null then .intValue | number
  elif .doubleValue != null then .doubleValue | number
  elif has("boolValue") then .boolValue
  elif .arrayValue != null then [.arrayValue.values[]? | value]
  elif .kvlistValue != null then .kvlistValue.values | map({(.key): (.value | value)}) | add
  else null end;
def attributes: reduce (.attributes // [])[] as $a ({}; .[$a.key] = ($a.value | value));
# numbered: messages spread over attributes "gen_ai.prompt.0.role", "gen_ai.prompt.0.content", "gen_ai.prompt.0.tool_calls.0.name".
def numbered($stem):
  . as $all
  | [keys[] | select(startswith($stem)) | ltrimstr($stem) | split(".")[0] | tonumber] | unique
  | map("\($stem)\(.)." as $at
      | {role: ($all[$at + "role"] // "user"),
         content: ([$all[$at + "content"],
                    (range(0; 64) | "\($at)tool_calls.\(.)." as $call | select($all[$call + "name"] != null) | {name: $all[$call + "name"], arguments: $all[$call + "arguments"]} | call)]
                   | lines)}
      | select(.content != null)) | filled;

attributes as $a
| [(.events // [])[] | {name, at: attributes}] as $events
| (.spanId // "line-\($line)") as $id
| ([$events[] | select(.name == "gen_ai.evaluation.result") | .at["gen_ai.evaluation.score.value"] | score | select(. != null)] | last) as $judged
| ($a["gen_ai.response.model"] // $a["gen_ai.request.model"]) as $model
| ($a["gen_ai.operation.name"] // "chat") as $doing
| if (.eventName // .body.stringValue? // $a["event.name"]) == "gen_ai.evaluation.result" then
    if $options.score != null and $a["gen_ai.evaluation.name"] != $options.score then {skip: "score \($a["gen_ai.evaluation.name"])"}
    else {outcome: {key: .spanId, score: ($a["gen_ai.evaluation.score.value"] | score)}} end
  elif $model == null then {skip: "no span of a model"}
  elif ["embeddings", "execute_tool", "create_agent", "invoke_agent", "retrieval", "invoke_workflow"] | index($doing) then {skip: $doing}
  elif .status.code == 2 or .status.code == "STATUS_CODE_ERROR" or $a["error.type"] != null then {skip: "failed: \($a["error.type"] // .status.message // "no reason given")"}
  else
    ([$events[] | select(.name | . == "gen_ai.system.message" or . == "gen_ai.user.message" or . == "gen_ai.assistant.message" or . == "gen_ai.tool.message")
      | {role: (.name | split(".")[1]), content: (.at.content // .at["gen_ai.event.content"] // null | unpacked | if type == "object" then .content else . end)}] | filled) as $said
    | (($a["gen_ai.input.messages"] // ([$events[].at["gen_ai.input.messages"] // empty] | first)) | unpacked | filled) as $new
    | ($a["gen_ai.system_instructions"] | unpacked | if . == null then null else text end) as $system
    | ( if $new != null then
          (if $system == null then [] else [{role: "system", content: $system}] end) + ($new | map({role, content: reply}))
        else
          ($a | numbered("gen_ai.prompt.")) // $said
          // (($a["gen_ai.prompt"] // ([$events[] | select(.name == "gen_ai.content.prompt") | .at["gen_ai.prompt"] // empty] | first)) | unpacked | filled)
        end ) as $asked
    | ( (($a["gen_ai.output.messages"] // ([$events[].at["gen_ai.output.messages"] // empty] | first)) | unpacked | if . == null then null else map(reply) | lines end)
        // (($a | numbered("gen_ai.completion.")) | if . == null then null else map(.content) | lines end)
        // ([$events[] | select(.name == "gen_ai.choice") | .at | (.message // .["gen_ai.event.content"] // .content) | unpacked
             | if type == "object" and has("message") then .message else . end | reply] | lines)
        // (($a["gen_ai.completion"] // ([$events[] | select(.name == "gen_ai.content.completion") | .at["gen_ai.completion"] // empty] | first))
            | unpacked | if . == null then null else reply end) ) as $response
    | { prompt: ((if $asked == null then {prompt_id: $id} else {prompt: $asked} end)
                 + {benchmark: ($options.benchmark // "otel"), arrived_at: (.startTimeUnixNano // .timeUnixNano | number | if . == null then null else . / 1e9 end)}),
        model: ({id: $model, provider: ($a["gen_ai.provider.name"] // $a["gen_ai.system"])}),
        outcome: ({ key: .spanId, model_id: $model, sample: $id, response: $response, score: $judged,
                    input_tokens: (($a["gen_ai.usage.input_tokens"] // $a["gen_ai.usage.prompt_tokens"]) | number),
                    output_tokens: (($a["gen_ai.usage.output_tokens"] // $a["gen_ai.usage.completion_tokens"]) | number),
                    cached_input_tokens: (($a["gen_ai.usage.cache_read.input_tokens"] // $a["gen_ai.usage.cache_read_input_tokens"]) | number),
                    reasoning_tokens: (($a["gen_ai.usage.reasoning.output_tokens"] // $a["gen_ai.usage.reasoning_tokens"]) | number),
                    cost_usd: ($a["gen_ai.usage.cost"] | number),
                    latency_s: (if .endTimeUnixNano == null then null else ((.endTimeUnixNano | number) - (.startTimeUnixNano | number)) / 1e9 end) }) }
  end
