include "lib";
# A file a (data set, split, model); a cost of 0 is a model without a price, and a call without usage failed.
($meta.dataset_name // ($path | folders | .[-4])) as $set
| ($meta.split // ($path | folders | .[-3])) as $split
| ($meta.model_name // ($path | folders | .[-2])) as $model
| if $meta.demo == true then {skip: "a demonstration, by its own word"}
  else
    { prompt: ({ prompt_id: "\($set)/\($split)/\(.index)", benchmark: $set, category: $set, source: $split,
                 prompt: (((.prompt | filled) // .origin_query) | texted), reference: (.ground_truth | texted) }),
      outcome: ({ model_id: $model, response: ((.raw_output // .prediction) | texted), answer: (.prediction | texted), score: (.score | score),
                  input_tokens: (.prompt_tokens | positive), output_tokens: (.completion_tokens | positive), cost_usd: (.cost | positive) }) }
  end
