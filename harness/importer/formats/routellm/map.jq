include "lib";
# Columns: prompt, one a model with True or False, and MODEL_response where responses were kept.
($path | folders | last | split(".csv")[0] | rtrimstr("_responses")) as $name
| . as $row
| keys[] | select(. != "prompt" and (endswith("_response") | not)) as $model
| { prompt: {benchmark: ($name | split("_")[0]), category: ($name | ltrimstr("mmlu_")), source: "routellm", prompt: $row.prompt},
    outcome: ({model_id: $model, response: $row[$model + "_response"], score: ($row[$model] | score), sample: $line}) }
| if .outcome.score == null then {skip: "a score that is neither True nor False"} else . end
