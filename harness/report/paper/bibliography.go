package paper

import "strings"

// reference is a published source of something that a run used.
type reference struct{ key, entry string }

// sources of methods, by what a run names: families of policies, and "" for what every run uses.
var sources = map[string][]reference{
	"": {
		{"hu2024routerbench", `@article{hu2024routerbench,
  title   = {{RouterBench}: A Benchmark for Multi-{LLM} Routing System},
  author  = {Hu, Qitian Jason and Bieker, Jacob and Li, Xiuyu and Jiang, Nan and Keigwin, Benjamin and Ranganath, Gaurav and Keutzer, Kurt and Upadhyay, Shriyash Kaustubh},
  journal = {arXiv preprint arXiv:2403.12031},
  year    = {2024}
}`},
		{"li2026llmrouterbench", `@article{li2026llmrouterbench,
  title   = {{LLMRouterBench}: A Massive Benchmark and Unified Framework for {LLM} Routing},
  author  = {Li, Hao and Zhang, Yiqun and Guo, Zhaoyan and Wang, Chenxu and Tang, Shengji and Zhang, Qiaosheng and Chen, Yang and Qi, Biqing and Ye, Peng and Bai, Lei and Wang, Zhen and Hu, Shuyue},
  journal = {arXiv preprint arXiv:2601.07206},
  year    = {2026}
}`},
		{"routejudge2026", `@article{routejudge2026,
  title   = {{RouteJudge}: An Open Platform for Reproducible and Preference-Aware {LLM} Routing},
  author  = {{The authors of RouteJudge and ORBIT}},
  journal = {arXiv preprint arXiv:2606.18774},
  year    = {2026}
}`},
		{"zitzler1999", `@article{zitzler1999,
  title   = {Multiobjective Evolutionary Algorithms: A Comparative Case Study and the Strength {Pareto} Approach},
  author  = {Zitzler, Eckart and Thiele, Lothar},
  journal = {IEEE Transactions on Evolutionary Computation},
  volume  = {3},
  number  = {4},
  pages   = {257--271},
  year    = {1999}
}`},
		{"efron1993", `@book{efron1993,
  title     = {An Introduction to the Bootstrap},
  author    = {Efron, Bradley and Tibshirani, Robert J.},
  publisher = {Chapman \& Hall},
  year      = {1993}
}`},
		{"holm1979", `@article{holm1979,
  title   = {A Simple Sequentially Rejective Multiple Test Procedure},
  author  = {Holm, Sture},
  journal = {Scandinavian Journal of Statistics},
  volume  = {6},
  number  = {2},
  pages   = {65--70},
  year    = {1979}
}`},
		{"rince2025ecologits", `@article{rince2025ecologits,
  title   = {{EcoLogits}: Evaluating the Environmental Impacts of Generative {AI}},
  author  = {Rinc{\'e}, Samuel and Banse, Adrien},
  journal = {Journal of Open Source Software},
  year    = {2025}
}`},
	},
	"knn": {{"li2025knn", `@article{li2025knn,
  title   = {Rethinking Predictive Modeling for {LLM} Routing: When Simple {kNN} Beats Complex Learned Routers},
  author  = {Li, Yang},
  journal = {arXiv preprint arXiv:2505.12601},
  year    = {2025}
}`}},
	"agreement": {{"yue2023cascades", `@article{yue2023cascades,
  title   = {Large Language Model Cascades with Mixture of Thoughts Representations for Cost-efficient Reasoning},
  author  = {Yue, Murong and Zhao, Jie and Zhang, Min and Du, Liang and Yao, Ziyu},
  journal = {arXiv preprint arXiv:2310.03094},
  year    = {2023}
}`}},
	"predict": {{"breiman1996", `@article{breiman1996,
  title   = {Stacked Regressions},
  author  = {Breiman, Leo},
  journal = {Machine Learning},
  volume  = {24},
  pages   = {49--64},
  year    = {1996}
}`}},
	"moe": {{"shazeer2017", `@inproceedings{shazeer2017,
  title     = {Outrageously Large Neural Networks: The Sparsely-Gated Mixture-of-Experts Layer},
  author    = {Shazeer, Noam and Mirhoseini, Azalia and Maziarz, Krzysztof and Davis, Andy and Le, Quoc and Hinton, Geoffrey and Dean, Jeff},
  booktitle = {International Conference on Learning Representations},
  year      = {2017}
}`}},
	"reinforce": {{"williams1992", `@article{williams1992,
  title   = {Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning},
  author  = {Williams, Ronald J.},
  journal = {Machine Learning},
  volume  = {8},
  pages   = {229--256},
  year    = {1992}
}`}},
	"ppo": {{"schulman2017", `@article{schulman2017,
  title   = {Proximal Policy Optimization Algorithms},
  author  = {Schulman, John and Wolski, Filip and Dhariwal, Prafulla and Radford, Alec and Klimov, Oleg},
  journal = {arXiv preprint arXiv:1707.06347},
  year    = {2017}
}`}},
}

// cited are the sources of a policy as a LaTeX citation; "" where it has none of its own.
func cited(family string) string {
	var keys []string
	for _, r := range sources[family] {
		keys = append(keys, r.key)
	}
	if family == "" || len(keys) == 0 {
		return ""
	}
	return `~\cite{` + strings.Join(keys, ",") + `}`
}

// bibliography is the BibTeX file of what every run uses and of the given families of policies.
func bibliography(families []string) []byte {
	var entries []string
	for _, f := range append([]string{""}, families...) {
		for _, r := range sources[f] {
			entries = append(entries, r.entry)
		}
	}
	return []byte(strings.Join(entries, "\n\n") + "\n")
}
