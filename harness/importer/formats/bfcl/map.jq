include "lib";
# Results have every answer, score files a line with totals and then the failures only; question files have the prompts.
($path | folders) as $at
| ($at[-1]) as $name
| ($name | rtrimstr("l") | rtrimstr(".json") | split(".")) as $parts
| (($parts | length) > 2 and ($parts[-1] == "result" or $parts[-1] == "score")) as $dotted
| ([range(0; $at | length - 1) | select($at[.] == "result" or $at[.] == "score")] | last) as $root
| ($options.model // .model_name
   // (if $dotted then $parts[:-2] | join(".") elif $root != null then $at[$root + 1] elif ($at | length) > 1 then $at[-2] else null end)) as $model
| def category: split("_")[:-1] | join("_");
  def named:
    if $dotted then $parts[-2]
    else $parts[0] | rtrimstr("_score") | sub("^(BFCL_v[0-9]+|gorilla_openfunctions_v[0-9]+_test)_"; "") end;
  def signature: "\(.name): \(.description // "" | split("\n") | map(trim) | join(" ") | split("  ") | join(" ")) (\([.parameters.properties // {} | keys[]] | join(", ")))";
  def question($id):
    (.question | if type == "array" then if (.[0] | type) == "array" then .[0] else . end | map("\(.content)") | join("\n") else . end) as $asked
    | ((.function // []) | if type == "array" then . else [.] end | map(signature)) as $tools
    | {prompt_id: $id, benchmark: "bfcl", category: ($id | category), prompt: ([$asked] + $tools | join("\n"))};
  if .total_count != null then
    {fact: "\($model) \($name | named)"}
  elif .valid != null then
    (.prompt.id // .id | tostring) as $id
    | { outcome: {prompt_id: $id, model_id: $model, score: (.valid | score)} }
      + if .prompt.question == null then {} else {prompt: (.prompt | question($id))} end
  elif has("result") then
    (.id | tostring) as $id
    | { prompt: {prompt_id: $id, benchmark: "bfcl", category: ($id | category)},
        outcome: ({ prompt_id: $id, model_id: $model, response: (.result | texted),
                    input_tokens: (.input_token_count | if type == "array" then flatten | add else number end),
                    output_tokens: (.output_token_count | if type == "array" then flatten | add else number end),
                    latency_s: (.latency | if type == "array" then flatten | add else number end),
                    otherwise: {score: 1, given: "\($model) \($id | category)"} }) }
  elif has("question") then {prompt: question(.id | tostring)}
  elif has("ground_truth") then {prompt: {prompt_id: (.id | tostring), reference: (.ground_truth | texted)}}
  else {skip: "neither a result, nor a score, nor a question"} end
