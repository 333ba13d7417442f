include "lib";
# A log is one JSON file, or a zip (.eval) whose samples are files of their own beside header.json. An epoch is a sample.
($meta.eval // $beside.header.eval) as $eval
| ($eval.task // "inspect") as $task
| ([(.model_usage // {}) | keys[]]) as $used
| ($options.model // $eval.model // (if ($used | length) == 1 then $used[0] else .output.model end)) as $model
| (.attachments // {}) as $attached
| def whole: if type == "string" and startswith("attachment://") then $attached[ltrimstr("attachment://")] // . else . end;
  def graded:
    if type == "string" then {"C": 1, "I": 0, "P": 0.5, "N": 0}[.] // score
    elif type == "object" then (if $options.metric != null then .[$options.metric] elif length == 1 then .[] else null end) | graded
    elif type == "array" then null
    else score end;
  if .input == null then empty
  elif .error != null then {skip: "failed: \(.error.message? // "no reason given")"}
  else
    (.scores // {}) as $scores
    | ($options.score // ([$eval.scorers[]?.name | select(. as $n | $scores | has($n))] | first) // ($scores | keys | first)) as $scorer
    | (.input | if type == "string" then whole | lettered(.choices? // null) else map(.content |= (text | whole)) end) as $input
    | (.choices // []) as $choices
    | (.model_usage[$model] // .output.usage // {}) as $usage
    | (($usage.input_tokens_cache_read // 0) + ($usage.input_tokens_cache_write // 0)) as $cached
    | { prompt: ({ prompt_id: "\($task)/\(.id)", benchmark: $task, category: $task, source: $eval.dataset.name,
                   prompt: (if ($input | type) == "string" then $input | lettered($choices) else $input end),
                   reference: (.target | if type == "array" then join("\n") else texted end) }),
        outcome: ({ model_id: $model, sample: (.epoch // 1), response: (.output.completion // (.output.choices[0].message // null | reply)),
                    answer: (if $scorer == null then null else $scores[$scorer].answer | texted end),
                    score: (if $scorer == null then null else $scores[$scorer].value | graded end),
                    input_tokens: (if $usage.input_tokens == null then null
                      elif $cached > 0 and $usage.total_tokens == $usage.input_tokens + $usage.output_tokens + $cached then $usage.input_tokens + $cached
                      else $usage.input_tokens end),
                    output_tokens: $usage.output_tokens, cached_input_tokens: $usage.input_tokens_cache_read, reasoning_tokens: $usage.reasoning_tokens,
                    cost_usd: $usage.total_cost, latency_s: (.working_time // .total_time) }) }
  end
