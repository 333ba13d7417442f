include "lib";
# Files are zipped lists; options are a list or its text, the response is generated_text or model_outputs, and stray texts occur.
def clean: if type == "string" then trim else . end;

if type != "object" then {skip: "not a record"}
else
  (.options | if type == "array" then . else unpacked | if type == "array" then . else python_list end end) as $options
  | ((.generated_text // .model_outputs) | clean) as $response
  | (.answer // (if .answer_index == null then null else .answer_index | letter end)) as $key
  | (.pred // null | clean) as $answer
  | if .question_id == null then {skip: "no question_id"}
    elif (.question | type) != "string" then {skip: "no question"}
    elif $options == null then {skip: "unreadable options"}
    elif $response == null then {skip: "no response"}
    elif $key == null or ($key | explode[0] - 65) >= ($options | length) then {skip: "no right answer among the options"}
    else
      { prompt: ({ prompt_id: "mmlu-pro-\(.question_id)", benchmark: "mmlu-pro", category, source: .src, reference: $key,
                   prompt: (.question | clean | lettered($options | map(texted | clean))) }),
        outcome: { model_id: ($path | folders | last | sub("^model_outputs_"; "") | sub("\\.(zip|json).*$"; "") | sub("_[0-9]+shots?$"; "")),
                   response: $response, answer: ($answer // ""), score: ($answer == $key) } }
    end
end
