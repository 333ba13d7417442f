include "lib";
# Batch input and output files, joined by custom_id; logs of {request, response}; and stored chat completions or responses.
def answers($id; $body):
  ($body | usage) as $usage
  | ($body | replies) as $said
  | $said | to_entries[] | (
      { model_id: $body.model, response: .value, cost_usd: $body.usage.cost }
      + if ($said | length) == 1 then $usage + {sample: $id}
        else {sample: "\($id)#\(.key)", input_tokens: $usage.input_tokens} end);

(($options.prefix // "") + (.custom_id // "")) as $custom
| if .custom_id != null and .body != null and .response == null then
    {prompt: ({prompt_id: $custom, benchmark: ($options.benchmark // "openai"), prompt: (.body | asked)})}
    | if .prompt.prompt == null then {skip: "a request without messages"} else . end
  elif .custom_id != null then
    if .error != null then {skip: "failed: \(.error.code // .error.message // "no reason given")"}
    elif (.response.status_code // 200) >= 300 then {skip: "failed: status \(.response.status_code)"}
    else
      .response.body as $body
      | {prompt: {prompt_id: $custom, benchmark: ($options.benchmark // "openai")},
         outcome: (answers(""; $body) | del(.sample | select(. == "")) | {prompt_id: $custom} + .)}
    end
  elif .request != null and .response != null then
    (.request | .body // . | unpacked) as $request
    | (.response | .body // . | unpacked) as $body
    | if ($body.error // .error) != null then {skip: "failed: \(($body.error // .error) | .code? // .message? // texted)"}
      else
        ($request | asked) as $asked
        | ($body.id // "line-\($line)") as $id
        | (if $asked == null then {prompt_id: $id} else {prompt: $asked} end) as $prompt
        | { prompt: ($prompt + {benchmark: ($options.benchmark // "openai"), arrived_at: (.created_at // .timestamp // $body.created // $body.created_at)}),
            outcome: (answers($id; $body + {model: ($body.model // $request.model)})
                      + ({latency_s: ((.latency_s // .latency // (.latency_ms // .duration_ms | if . == null then null else . / 1000 end)) | number)})) }
      end
  elif .object == "chat.completion" or .object == "response" or .object == "text_completion" then
    . as $body
    | ((.messages // .input_user // (.input | if type == "string" or type == "array" then . else null end)) | filled) as $asked
    | { prompt: ((if $asked == null then {prompt_id: .id} else {prompt: $asked} end)
                 + {benchmark: ($options.benchmark // "openai"), arrived_at: (.created // .created_at)}),
        outcome: answers(.id; $body) }
  else {skip: "neither a batch line, nor a request with its response, nor a completion"} end
