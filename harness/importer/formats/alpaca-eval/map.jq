include "lib";
# The preference is 1 where the baseline won, 2 where the model did, between them by the judge's probability; 0 is a draw too.
# The baseline itself scores ½, as against itself: one value whatever the opponent. What an annotation cost is the judge's bill.
{prompt: ({benchmark: "alpaca-eval", category: .dataset, prompt: .instruction})} as $asked
| (.preference | number) as $p
| if $p == null then {skip: "no preference: the judge's answer could not be read"}
  else
    ($asked + {outcome: {model_id: .generator_2, response: .output_2, score: (if $p == 0 then 0.5 else $p - 1 end)}}),
    ($asked + {outcome: {model_id: .generator_1, response: .output_1, score: 0.5}})
  end
