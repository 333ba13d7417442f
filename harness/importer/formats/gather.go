package formats

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trilemma-bench/trilemma/harness/importer"
	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// mapped imports a format by its card and map. Everything is gathered in memory.
type mapped struct{ card *Card }

func (m mapped) Name() string    { return m.card.Name }
func (m mapped) Summary() string { return m.card.Title }

// row is an outcome with its pieces put together.
type row struct {
	prompt, model, sample string
	columns               map[string]any
	given                 string // the fact under which otherwise holds
	otherwise             map[string]any
}

// gathering puts pieces together: prompts by id, models by id, outcomes by prompt, model and sample, and pieces that know a key only.
type gathering struct {
	report  importer.Report
	prompts map[string]map[string]any
	models  map[string]map[string]any
	rows    map[[3]string]*row
	order   []*row
	keys    map[string][]*row
	waiting map[string][]map[string]any
	facts   map[string]bool
	differ  map[string]*importer.Disagreement
	at      string // of the record at hand
}

func (m mapped) Import(ctx context.Context, src []string, opt importer.Options) (*importer.Imported, error) {
	out, err := m.read(ctx, src, opt)
	if err != nil {
		return nil, fmt.Errorf("importing %s: %w", m.card.Name, err)
	}
	return out, nil
}

func (m mapped) read(ctx context.Context, src []string, opt importer.Options) (_ *importer.Imported, err error) {
	_, program, err := Load(m.card.Name)
	if err != nil {
		return nil, err
	}
	for name := range opt.Format {
		if m.card.Options[name] == "" {
			return nil, fmt.Errorf("the format has no option %q; it has %v", name, m.card.Options)
		}
	}
	members, closeAll, err := m.card.members(src)
	defer func() { err = errors.Join(err, closeAll()) }()
	if err != nil {
		return nil, err
	}
	besides, err := m.card.besides(members)
	if err != nil {
		return nil, err
	}
	g := &gathering{prompts: map[string]map[string]any{}, models: map[string]map[string]any{}, rows: map[[3]string]*row{}, keys: map[string][]*row{},
		waiting: map[string][]map[string]any{}, facts: map[string]bool{}, differ: map[string]*importer.Disagreement{}}
	g.report.Format, g.report.TokenCounter = m.card.Name, "as logged"
	for _, file := range members {
		if m.card.isBeside(file.path) && !m.card.wants(file.path) {
			continue
		}
		if err := g.file(ctx, m.card, program, file, near(besides, file.path), opt); err != nil {
			return nil, err
		}
	}
	return g.build(opt)
}

// mapTime bounds what a map may take for one record.
const mapTime = 10 * time.Second

func (g *gathering) file(ctx context.Context, card *Card, program *Program, file member, beside map[string]any, opt importer.Options) error {
	report := importer.FileReport{Path: file.path}
	base, _, _ := strings.Cut(path.Base(file.path), ".")
	where := Place{File: base, Path: file.path, Options: opt.Format, Beside: beside}
	err := eachDocument(ctx, file, func(document any, n int) error {
		ctx, stop := context.WithTimeout(ctx, mapTime)
		defer stop()
		records, err := card.Pick(ctx, document)
		if err != nil {
			report.Skip(report.Records, "no records of the format: "+err.Error())
			report.Records++
			return nil
		}
		where.Meta = document
		for _, record := range records {
			where.Line++
			at := report.Records
			report.Records++
			pieces, err := program.Map(ctx, record, where)
			if err != nil {
				if opt.Strict || ctx.Err() != nil {
					return err
				}
				report.Skip(at, err.Error())
				continue
			}
			g.at = fmt.Sprintf("%s record %d", file.path, at)
			for _, piece := range pieces {
				if why, ok := piece["skip"].(string); ok {
					report.Skip(at, why)
					continue
				}
				if err := g.piece(piece); err != nil {
					return err
				}
			}
			if len(pieces) > 0 {
				report.Imported++
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	g.report.Files = append(g.report.Files, report)
	return nil
}

func (g *gathering) piece(piece map[string]any) error {
	if fact, ok := piece["fact"].(string); ok {
		g.facts[fact] = true
	}
	if m, ok := piece["model"].(map[string]any); ok {
		id := text(m["id"])
		if g.models[id] == nil {
			g.models[id] = map[string]any{}
		}
		g.merge("model's ", id, g.models[id], m)
	}
	prompt, _ := piece["prompt"].(map[string]any)
	outcome, _ := piece["outcome"].(map[string]any)
	id := ""
	if prompt != nil {
		prompt["prompt"] = promptText(prompt["prompt"])
		if prompt["prompt"] == "" {
			delete(prompt, "prompt")
		}
		if id = text(prompt["prompt_id"]); id == "" {
			sum := sha256.Sum256([]byte(text(prompt["benchmark"]) + "\x00" + text(prompt["prompt"])))
			id = hex.EncodeToString(sum[:8])
		}
		delete(prompt, "prompt_id")
		if g.prompts[id] == nil {
			g.prompts[id] = map[string]any{}
		}
		if when, known := g.prompts[id]["arrived_at"]; known && prompt["arrived_at"] != nil {
			prompt["arrived_at"] = earlier(when, prompt["arrived_at"])
			delete(g.prompts[id], "arrived_at")
		}
		g.merge("", id, g.prompts[id], prompt)
	}
	if outcome == nil {
		return nil
	}
	return g.outcome(id, outcome)
}

func (g *gathering) outcome(prompt string, outcome map[string]any) error {
	if own := text(outcome["prompt_id"]); own != "" {
		prompt = own
	}
	var keys []string
	switch key := outcome["key"].(type) {
	case string:
		keys = []string{key}
	case []any:
		for _, k := range key {
			keys = append(keys, text(k))
		}
	}
	model := text(outcome["model_id"])
	if model == "" {
		for _, k := range keys {
			g.waiting[k] = append(g.waiting[k], outcome)
		}
		return nil
	}
	if prompt == "" {
		return fmt.Errorf("%s: an outcome of model %s has no prompt", g.at, model)
	}
	if g.prompts[prompt] == nil {
		g.prompts[prompt] = map[string]any{}
	}
	id := [3]string{prompt, model, text(outcome["sample"])}
	r := g.rows[id]
	if r == nil {
		r = &row{prompt: prompt, model: model, sample: id[2], columns: map[string]any{}}
		g.rows[id] = r
		g.order = append(g.order, r)
	}
	for _, k := range keys {
		g.keys[k] = append(g.keys[k], r)
	}
	if o, ok := outcome["otherwise"].(map[string]any); ok {
		r.given, r.otherwise = text(o["given"]), o
	}
	g.fill(r, outcome)
	return nil
}

func (g *gathering) fill(r *row, outcome map[string]any) {
	own := map[string]any{}
	for name, x := range outcome {
		switch name {
		case "prompt_id", "model_id", "sample", "key", "otherwise", "given":
		default:
			own[name] = x
		}
	}
	g.merge("outcome's ", r.prompt+" of "+r.model, r.columns, own)
}

// merge fills in what is not known yet, and counts what is told otherwise.
func (g *gathering) merge(what, id string, into, from map[string]any) {
	for name, x := range from {
		old, known := into[name]
		if !known {
			into[name] = x
			continue
		}
		if same(old, x) {
			continue
		}
		d := g.differ[what+name]
		if d == nil {
			d = &importer.Disagreement{Field: what + name}
			g.differ[what+name] = d
		}
		d.Prompts++
		if len(d.Examples) < 3 {
			d.Examples = append(d.Examples, g.at+": "+id)
		}
	}
}

func same(a, b any) bool {
	x, xok := number(a)
	y, yok := number(b)
	if xok && yok {
		return x == y
	}
	return text(a) == text(b)
}

// build makes the trace.
func (g *gathering) build(opt importer.Options) (*importer.Imported, error) {
	for key, pieces := range g.waiting {
		rows := g.keys[key]
		for _, piece := range pieces {
			if len(rows) == 0 {
				f := &g.report.Files[len(g.report.Files)-1]
				f.Skip(f.Records-1, "a score of an answer that is not there")
			}
			for _, r := range rows {
				g.fill(r, piece)
			}
		}
	}
	for _, r := range g.order {
		if r.otherwise != nil && g.facts[r.given] {
			for name, x := range r.otherwise {
				if _, known := r.columns[name]; !known && name != "given" {
					r.columns[name] = x
				}
			}
		}
	}
	if len(g.order) == 0 {
		return nil, g.empty()
	}
	if err := g.scored(); err != nil {
		return nil, err
	}
	pool, column, err := g.pool(opt)
	if err != nil {
		return nil, err
	}
	for _, field := range sortedKeys(g.differ) {
		d := *g.differ[field]
		if opt.Strict {
			return nil, fmt.Errorf("files tell the %s of %d differently, such as %s", d.Field, d.Prompts, strings.Join(d.Examples, "; "))
		}
		g.report.Disagreements = append(g.report.Disagreements, d)
	}
	ids := sortedKeys(g.prompts)
	ps := trace.Prompts{}
	for _, c := range trace.Texts {
		list := make([]string, len(ids))
		any := c.Name == "prompt_id"
		for i, id := range ids {
			if list[i] = text(g.prompts[id][c.Name]); c.Name == "prompt_id" {
				list[i] = id
			}
			any = any || list[i] != ""
		}
		if any {
			*c.Column(&ps) = list
		}
	}
	index := map[string]int{}
	for i, id := range ids {
		index[id] = i
		if when, ok := instant(g.prompts[id]["arrived_at"]); ok {
			if ps.ArrivedAt == nil {
				ps.ArrivedAt = make([]time.Time, len(ids))
			}
			ps.ArrivedAt[i] = when
		}
	}
	out := &importer.Imported{Trace: trace.NewTrace(pool, ps), Responses: make([]string, len(ids)*len(pool))}
	g.outcomes(out, index, column)
	g.report.Prompts, g.report.Models = len(ids), len(pool)
	out.Report = g.report
	return out, nil
}

// scored leaves out answers without a score, which a trace cannot have, and counts them.
func (g *gathering) scored() error {
	answers := len(g.order)
	g.order = slices.DeleteFunc(g.order, func(r *row) bool { _, ok := number(r.columns["score"]); return !ok })
	if len(g.order) == 0 {
		return fmt.Errorf("none of %d answers has a score, and a trace needs one: grade them first, or import their scores with them", answers)
	}
	f := &g.report.Files[len(g.report.Files)-1]
	for range answers - len(g.order) {
		f.Skip(f.Records-1, "an answer without a score")
	}
	return nil
}

func (g *gathering) empty() error {
	var why []string
	for _, f := range g.report.Files {
		for _, s := range f.Skipped {
			why = append(why, fmt.Sprintf("%s: %s (%d records)", f.Path, s.Reason, s.Count))
		}
	}
	if len(g.report.Files) == 0 {
		return errors.New("no file of the format was found in what was named")
	}
	return fmt.Errorf("no answer was found in %d files; %s", len(g.report.Files), strings.Join(why[:min(3, len(why))], "; "))
}

// pool are the models with an outcome: those of the models file, or those that the files name with what they tell of them.
func (g *gathering) pool(opt importer.Options) (pool []policy.Model, column map[string]int, err error) {
	names := map[string]bool{}
	for _, r := range g.order {
		names[r.model] = true
	}
	column = map[string]int{}
	if len(opt.Models) > 0 {
		place := map[int]int{}
		var wrong []error
		for _, name := range sortedKeys(names) {
			i, err := importer.Match(name, opt.Models)
			if err != nil {
				if !opt.SkipUnknown || !errors.Is(err, importer.ErrUnknownModel) {
					wrong = append(wrong, err)
				} else {
					g.report.UnknownFiles = append(g.report.UnknownFiles, name)
				}
				continue
			}
			if _, known := place[i]; !known {
				place[i] = len(pool)
				pool = append(pool, opt.Models[i].Model)
			}
			column[name] = place[i]
		}
		for i, m := range opt.Models {
			if _, known := place[i]; !known {
				g.report.WithoutResults = append(g.report.WithoutResults, m.ID)
			}
		}
		if len(pool) == 0 && len(wrong) == 0 {
			wrong = append(wrong, errors.New("none of the models that answered is in the models file"))
		}
		return pool, column, errors.Join(wrong...)
	}
	for _, name := range sortedKeys(names) {
		column[name] = len(pool)
		m := policy.NewModel(name)
		facts := g.models[name]
		m.Provider = text(facts["provider"])
		if open, ok := facts["open_weights"].(bool); ok {
			m.OpenWeights = open
		}
		for key, to := range map[string]*float64{"price_input_usd_per_mtok": &m.PriceInputUSDPerMTok, "price_output_usd_per_mtok": &m.PriceOutputUSDPerMTok} {
			if x, ok := number(facts[key]); ok {
				*to = x
			}
		}
		for key, to := range map[string]*policy.Range{"params_total_b": &m.ParamsTotalB, "params_active_b": &m.ParamsActiveB} {
			if x, ok := number(facts[key]); ok {
				*to = policy.Range{Low: x, High: x}
			}
		}
		pool = append(pool, m)
	}
	return pool, column, nil
}

// outcomes fills the matrices: of several samples of an answer the mean of their figures, and what the first one said.
func (g *gathering) outcomes(out *importer.Imported, index, column map[string]int) {
	o := &out.Trace.Outcomes
	slices.SortStableFunc(g.order, func(a, b *row) int { return strings.Compare(a.sample, b.sample) })
	codes := map[string]uint32{"": 0}
	count := map[[2]int]int{}
	for _, r := range g.order {
		m, ok := column[r.model]
		if !ok {
			continue
		}
		at := o.At(index[r.prompt], m)
		first := !o.Present.Has(at)
		if first {
			g.report.Outcomes++
			out.Responses[at] = text(r.columns["response"])
			if answer := text(r.columns["answer"]); answer != "" {
				if o.Answer == nil {
					o.Answer, o.AnswerText = make([]uint32, len(out.Responses)), []string{""}
				}
				code, known := codes[answer]
				if !known {
					code = uint32(len(o.AnswerText))
					codes[answer], o.AnswerText = code, append(o.AnswerText, answer)
				}
				o.Answer[at] = code
			}
			o.Present.Set(at)
		}
		for q := range trace.Figures {
			f := &trace.Figures[q]
			x, ok := number(r.columns[f.Name])
			if !ok {
				continue
			}
			to := f.Matrix(o)
			if *to == nil {
				*to = trace.NewMatrix(len(out.Responses))
			}
			n := count[[2]int{at, q}]
			count[[2]int{at, q}]++
			if n == 0 {
				(*to)[at] = float32(x)
			} else {
				(*to)[at] += (float32(x) - (*to)[at]) / float32(n+1)
			}
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// text is a value as text, "" for null.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return strings.ToValidUTF8(v, "\uFFFD")
	case json.Number:
		return v.String()
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return fmt.Sprint(v)
}

// number is a figure: a Boolean is 0 or 1.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case int:
		return float64(v), true
	case float64:
		return v, !math.IsNaN(v) && !math.IsInf(v, 0)
	case json.Number:
		x, err := v.Float64()
		return x, err == nil
	}
	return 0, false
}

// promptText is a prompt as one text: a single message of a user is its text; several messages stand under their roles.
func promptText(v any) string {
	messages, ok := v.([]any)
	if !ok {
		return text(v)
	}
	var said []string
	for _, m := range messages {
		message, ok := m.(map[string]any)
		if !ok {
			said = append(said, text(m))
			continue
		}
		content := contentText(message["content"])
		if role := text(message["role"]); len(messages) > 1 || role != "user" {
			content = role + ": " + content
		}
		said = append(said, content)
	}
	return strings.Join(said, "\n\n")
}

func contentText(v any) string {
	parts, ok := v.([]any)
	if !ok {
		return text(v)
	}
	var said []string
	for _, p := range parts {
		if part, ok := p.(map[string]any); ok && part["text"] != nil {
			said = append(said, text(part["text"]))
		} else if !ok {
			said = append(said, text(p))
		}
	}
	return strings.Join(said, "\n")
}

// instant is a time: RFC 3339, or seconds or milliseconds since 1970.
func instant(v any) (time.Time, bool) {
	if s, ok := v.(string); ok {
		t, err := time.Parse(time.RFC3339Nano, s)
		return t.UTC(), err == nil
	}
	x, ok := number(v)
	if !ok {
		return time.Time{}, false
	}
	if x > 1e11 {
		x /= 1000
	}
	return time.UnixMicro(int64(x * 1e6)).UTC(), true
}

func earlier(a, b any) any {
	x, _ := instant(a)
	y, ok := instant(b)
	if ok && y.Before(x) {
		return b
	}
	return a
}
