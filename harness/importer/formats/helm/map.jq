include "lib";
# A run is a folder: scenario_state.json has prompts and answers, per_instance_stats.json scores and tokens, and the display files
# the same for the web page (instances, display_requests, display_predictions). Each gives its part of a row.
def main_metric($method; $wanted):
  . as $stats
  | ( [$wanted // empty, "ifeval_strict_accuracy", "final_number_exact_match", "math_equiv_chain_of_thought", "chain_of_thought_correctness",
       (if $method | startswith("multiple_choice") then "exact_match" else empty end), "f1_score", "bleu_4", "quasi_exact_match", "exact_match"]
      | map(select(. as $m | $stats | has($m))) | first) as $m
  | if $m == null then null else $stats[$m] | score end;

($path | folders) as $at
| ($at[-1]) as $name
| (if ($at | length) > 1 then $at[-2] else "" end) as $folder
| ($beside.run.name // $folder) as $run
| ($run | sub("[,:-]model(_deployment)?[=-][^,]*"; "") | sub("^$"; "helm")) as $group
| ($options.model // $beside.run.adapter_spec.model // ($meta | if type == "object" then .adapter_spec.model else null end)
   // ($run | (capture("model[=-](?<m>[^,]+)") | .m | sub("_"; "/")) // null)) as $model
| ($beside.run.adapter_spec.method // ($run | (capture("method[=-](?<m>[a-z_]+)") | .m) // "")) as $method
| def id($instance; $perturbation):
    "\($group)/\($instance)" + if ($perturbation.name // "") == "" or $perturbation.name == "identity" then "" else "/\($perturbation.name)" end;
  def question($instance; $mapping; $split):
    { prompt_id: id($instance.id; $instance.perturbation), benchmark: "helm", category: ($group | sub(":$"; "")), source: $split,
      prompt: ($instance.input.text | lettered([($mapping // {}) | to_entries | sort_by(.key)[] | .value])),
      reference: ([$instance.references[] | select(.tags | index("correct")) | .output.text] as $right
        | if $right == [] then null
          elif ($mapping // {}) == {} then $right | join("\n")
          else [$mapping | to_entries[] | select(.value == $right[0]) | .key][0] // $right[0] end) };
  if .instance != null then
    if .request_mode == "calibration" then {skip: "a calibration request"}
    else
      {prompt: question(.instance; .output_mapping; .instance.split)},
      ( if .reference_index != null or .result == null then empty
        elif .result.success == false then {skip: "failed: \(.result.error // "no reason given")"}
        else
          (.output_mapping // {}) as $mapping
          | (.result.completions[0].text) as $said
          | { outcome: ({ prompt_id: id(.instance.id; .instance.perturbation), model_id: $model, sample: (.train_trial_index // 0), response: $said,
                          answer: (if $mapping == {} then null else $said | trim end),
                          latency_s: (if .result.cached then null else .result.request_time end) }) }
        end )
    end
  elif (.stats | type) == "array" then
    ( reduce (.stats[] | select(.count != 0 and (.name.perturbation == null or .name.perturbation.computed_on == null))) as $s
        ({}; if has($s.name.name) then . else .[$s.name.name] = $s.mean end) ) as $stats
    | { outcome: ({ prompt_id: id(.instance_id; .perturbation), model_id: $model, sample: (.train_trial_index // 0),
                    score: ($stats | main_metric($method; $options.metric)), input_tokens: $stats.num_prompt_tokens,
                    output_tokens: ($stats.num_output_tokens // $stats.num_completion_tokens) }) }
  elif .predicted_text != null then
    { outcome: ({ prompt_id: id(.instance_id; .perturbation), model_id: $model, sample: (.train_trial_index // 0), response: .predicted_text,
                  score: (.stats | main_metric($method; $options.metric)) }) }
  elif .references != null and .id != null then {prompt: question(.; null; .split)}
  else empty end
