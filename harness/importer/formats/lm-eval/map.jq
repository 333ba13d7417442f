include "lib";
# samples_TASK_DATE.jsonl in a folder a model; doc ids count within their task; a filter is a way to read the answer.
($path | folders) as $at
| ($at[-1] | capture("^samples_(?<task>.+?)(_\\d{4}-\\d\\d-\\d\\dT[-0-9.:]+)?\\.jsonl?") | .task) as $task
| ($options.model // $beside.results.model_name
   // (($beside.results.config.model_args // "") | if type == "object" then .pretrained // .model else (capture("(?:^|,)(?:pretrained|model)=(?<m>[^,]+)") | .m) // null end)
   // (if ($at | length) > 1 and ($at[-2] | contains("__")) then $at[-2] | split("__") | join("/") else null end)) as $model
| (.filter // "none") as $filter
| (.metrics // [keys[] | select(. as $k | ["acc", "exact_match", "acc_norm", "pass@1", "f1"] | index($k))]) as $metrics
| ([$options.metric // ($metrics[])] | map(. as $m | $m, "\($m),\($filter)")) as $wanted
| . as $row
| ([$wanted[] | $row[.] | score | select(. != null)] | first) as $score
| (.arguments | if type == "object" then [to_entries | sort_by(.key | ltrimstr("gen_args_") | tonumber? // 0)[] | [.value.arg_0, .value.arg_1]]
    elif type == "array" then . else [] end) as $calls
| (($calls | length) > 1 or (.filtered_resps[0] | type) == "array") as $choosing
| if $model == null then {skip: "no results file and no folder ORG__NAME tells the model: name it with --option model=ID"}
  elif $options.filter != null and $filter != $options.filter then {skip: "filter \($filter)"}
  elif $options.filter == null and $filter == "flexible-extract" then {skip: "filter flexible-extract, taken with --option filter=flexible-extract"}
  else
    (if $choosing then
       ([.filtered_resps[] | if type == "array" then .[0] else . end | number]) as $logs
       | ($logs | if length == 0 then null else index(max) end) as $best
       | {response: (if $best == null then null else $calls[$best][1] | texted end)}
     else
       {response: (.resps[0] | if type == "array" then .[0] else . end | texted), answer: (.filtered_resps[0] | texted)}
     end) as $said
    | { prompt: ({ prompt_id: "\($task)/\(.doc_id)", benchmark: "lm-eval", category: $task, prompt: ($calls[0][0] | texted),
                   reference: (.target | texted) }),
        outcome: ({model_id: $model, score: $score} + $said) }
      + if ($beside.results.config.model_num_parameters | positive) == null then {}
        else {model: {id: $model, params_total_b: ($beside.results.config.model_num_parameters / 1e9)}} end
  end
