package exporter

import (
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/harness/trace/file"
	"github.com/trilemma-bench/trilemma/harness/wholefile"
)

// About is what nobody can tell from a trace's files; "" leaves a field out.
type About struct {
	Name, Description, License, URL string
}

// object is a JSON-LD object. Its keys are written in the order of the alphabet, so that equal traces give equal bytes.
type object = map[string]any

// Croissant writes Croissant 1.0 metadata of the trace in a folder: its files with sizes and SHA-256, and its records' columns.
func Croissant(dir, path string, about About) error {
	described, err := describe(dir, about)
	if err != nil {
		return fmt.Errorf("describing trace %s: %w", dir, err)
	}
	text, err := json.MarshalIndent(described, "", "  ")
	if err != nil {
		return err
	}
	return wholefile.Write(path, append(text, '\n'))
}

func describe(dir string, about About) (object, error) {
	sums, err := file.Files(dir)
	if err != nil {
		return nil, err
	}
	var files, records []object
	var shards []string
	for _, sum := range sums {
		kind := "application/x-parquet"
		if path.Ext(sum.Name) == ".yaml" {
			kind = "application/yaml"
		} else if sum.Name != trace.PromptsFile {
			shards = append(shards, sum.Name)
		}
		files = append(files, object{
			"@type": "cr:FileObject", "@id": sum.Name, "name": sum.Name, "contentUrl": sum.Name, "contentSize": fmt.Sprintf("%d B", sum.Bytes),
			"encodingFormat": kind, "sha256": sum.SHA256,
		})
	}
	prompts, err := recordSet(dir, "prompts", trace.PromptsFile, object{"fileObject": object{"@id": trace.PromptsFile}}, "prompt_id")
	if err != nil {
		return nil, err
	}
	source := object{"fileObject": object{"@id": shards[0]}}
	if len(shards) > 1 {
		source = object{"fileSet": object{"@id": "outcome-files"}}
		files = append(files, object{
			"@type": "cr:FileSet", "@id": "outcome-files", "name": "outcome-files", "includes": path.Dir(shards[0]) + "/*.parquet",
			"encodingFormat": "application/x-parquet",
		})
	}
	outcomes, err := recordSet(dir, "outcomes", shards[0], source, "prompt_id", "model_id")
	if err != nil {
		return nil, err
	}
	records = append(records, prompts, outcomes)
	name := about.Name
	if name == "" {
		whole, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		name = filepath.Base(whole)
	}
	d := object{
		"@context": jsonLD(), "@type": "sc:Dataset", "conformsTo": "http://mlcommons.org/croissant/1.0", "name": name,
		"description":  "What several language models answered to the same prompts, with scores, and tokens, cost, latency and energy where known.",
		"distribution": files, "recordSet": records,
	}
	for key, text := range map[string]string{"description": about.Description, "license": about.License, "url": about.URL} {
		if text != "" {
			d[key] = text
		}
	}
	return d, nil
}

// recordSet describes the columns of a file of a trace that the format knows.
func recordSet(dir, id, name string, source object, key ...string) (object, error) {
	all, unread, err := file.Columns(dir, name)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, c := range all {
		known[c] = true
	}
	for _, c := range unread {
		known[c] = false
	}
	var fields, keys []object
	for _, c := range all {
		if !known[c] {
			continue
		}
		from := object{"extract": object{"column": c}}
		for k, v := range source {
			from[k] = v
		}
		field := object{"@type": "cr:Field", "@id": id + "/" + c, "name": c, "dataType": dataType(c), "source": from}
		if c == "embedding" {
			field["repeated"] = true
		}
		fields = append(fields, field)
	}
	for _, k := range key {
		keys = append(keys, object{"@id": id + "/" + k})
	}
	set := object{"@type": "cr:RecordSet", "@id": id, "name": id, "field": fields, "key": keys}
	if len(keys) == 1 {
		set["key"] = keys[0]
	}
	return set, nil
}

func dataType(column string) string {
	switch {
	case column == "arrived_at":
		return "sc:Date"
	case column == "embedding", column == "score":
		return "sc:Float"
	case strings.HasSuffix(column, "_tokens"):
		return "sc:Integer"
	}
	for _, f := range trace.Figures {
		if f.Name == column {
			return "sc:Float"
		}
	}
	return "sc:Text"
}

// jsonLD is the JSON-LD context that Croissant 1.0 gives to every file.
func jsonLD() object {
	c := object{
		"@language": "en", "@vocab": "https://schema.org/", "citeAs": "cr:citeAs", "column": "cr:column", "conformsTo": "dct:conformsTo",
		"cr": "http://mlcommons.org/croissant/", "rai": "http://mlcommons.org/croissant/RAI/", "data": object{"@id": "cr:data", "@type": "@json"},
		"dataType": object{"@id": "cr:dataType", "@type": "@vocab"}, "dct": "http://purl.org/dc/terms/",
		"examples": object{"@id": "cr:examples", "@type": "@json"}, "sc": "https://schema.org/", "equivalentProperty": "cr:equivalentProperty", "samplingRate": "cr:samplingRate",
	}
	for _, term := range []string{
		"extract", "field", "fileProperty", "fileObject", "fileSet", "format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField",
		"path", "recordSet", "references", "regex", "repeated", "replace", "separator", "source", "subField", "transform",
	} {
		c[term] = "cr:" + term
	}
	return c
}
