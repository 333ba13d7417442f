"""Writes one trace with three tools in many dialects of Parquet: python foreign.py OUT

Every folder under OUT holds the same 40 prompts and 3 models; foreign_test.go knows the content.
"""

import datetime
import os
import sys

OUT = sys.argv[1]
MODELS = "models:\n" + "".join(f"  - id: m{j}\n" for j in range(3))
N = 40
EPOCH = datetime.datetime(2025, 1, 1)


def rows():
    prompts, outcomes = [], []
    for i in range(N):
        prompts.append(
            dict(
                prompt_id=f"prompt-{i}",
                benchmark="bench",
                category=None if i % 7 == 3 else f"cat{i % 3}",
                source="src",
                prompt=f"What is {i} plus {i}? Ünïcode 世界",
                reference=None if i % 5 == 4 else "ABCD"[i % 4],
                arrived_at=None if i == 5 else EPOCH + datetime.timedelta(hours=i),
                split="train" if i < 30 else "test",
                embedding=[float(i), float(i) / 2, -1.0],
            )
        )
        for j in range(3):
            if (i + j) % 9 == 8:
                continue
            outcomes.append(
                dict(
                    prompt_id=f"prompt-{i}",
                    model_id=f"m{j}",
                    response=None if i == 7 else f"response {i} {j} " + "lorem " * 20,
                    answer=None if i % 6 == 5 else "ABCD"[(i + j) % 4],
                    score=((i * 3 + j) % 5) / 4,
                    input_tokens=10 + i,
                    output_tokens=None if j == 2 else 100 * j + i,
                    cost_usd=None if i == 0 else 0.25 * j,
                    latency_s=1.5,
                    propensity=0.5,
                )
            )
    return prompts, outcomes


def folder(name, shards=False):
    path = os.path.join(OUT, name)
    os.makedirs(os.path.join(path, "outcomes") if shards else path)
    with open(os.path.join(path, "models.yaml"), "w") as f:
        f.write(MODELS)
    return path


def with_pyarrow(prompts, outcomes):
    import pyarrow as pa
    import pyarrow.parquet as pq

    def tables(text=pa.string(), real=pa.float32(), whole=pa.int32(), clock=pa.timestamp("us"), vector=pa.list_(pa.float32())):
        p = pa.table(
            {
                k: pa.array([r[k] for r in prompts], {"arrived_at": clock, "embedding": vector}.get(k, text))
                for k in prompts[0]
            }
        )
        kinds = dict(score=real, input_tokens=whole, output_tokens=whole, cost_usd=real, latency_s=real, propensity=real)
        o = pa.table({k: pa.array([r[k] for r in outcomes]).cast(kinds.get(k, text)) for k in outcomes[0]})
        return p, o

    def store(name, p, o, **options):
        path = folder("pyarrow-" + name)
        pq.write_table(p, os.path.join(path, "prompts.parquet"), **options)
        pq.write_table(o, os.path.join(path, "outcomes.parquet"), **options)

    p, o = tables()
    for codec in ("zstd", "snappy", "gzip", "none", "lz4", "brotli"):
        store("codec-" + codec, p, o, compression=codec)
    store("plain", p, o, use_dictionary=False)
    store("v2-pages", p, o, data_page_version="2.0", row_group_size=13, write_page_index=True)
    store("tiny-pages", p, o, data_page_size=64, write_batch_size=4, row_group_size=50)
    store("tiny-dictionary", p, o, dictionary_pagesize_limit=40, data_page_size=64, write_batch_size=4)
    for text, vector in (("DELTA_BYTE_ARRAY", "PLAIN"), ("DELTA_LENGTH_BYTE_ARRAY", "BYTE_STREAM_SPLIT")):
        encoding = {k: text for k in ("prompt_id", "prompt", "category", "model_id", "response", "answer", "reference")}
        number = {"input_tokens": "DELTA_BINARY_PACKED", "output_tokens": "DELTA_BINARY_PACKED", "score": vector}
        path = folder("pyarrow-" + text.lower())
        pq.write_table(p, os.path.join(path, "prompts.parquet"), use_dictionary=False,
                       column_encoding={k: v for k, v in encoding.items() if k in p.column_names})
        pq.write_table(o, os.path.join(path, "outcomes.parquet"), use_dictionary=False,
                       column_encoding={k: v for k, v in {**encoding, **number}.items() if k in o.column_names})
    store("large", *tables(text=pa.large_string(), real=pa.float64(), whole=pa.int64(),
                           clock=pa.timestamp("ns"), vector=pa.large_list(pa.float64())))
    store("fixed-list", *tables(real=pa.float64(), whole=pa.uint32(), clock=pa.timestamp("ms", tz="UTC"), vector=pa.list_(pa.float32(), 3)))
    store("small-ints", *tables(whole=pa.uint16(), clock=pa.timestamp("s")))
    store("float-tokens", *tables(whole=pa.float64(), text=pa.string_view()))
    store("decimal", *tables(real=pa.decimal128(10, 4)), store_decimal_as_integer=True)
    store("decimal-bytes", *tables(real=pa.decimal128(30, 4)))
    store("int96", p, o, use_deprecated_int96_timestamps=True)
    store("categorical", p.set_column(2, "category", p["category"].dictionary_encode()),
          o.set_column(0, "prompt_id", o["prompt_id"].dictionary_encode()).set_column(1, "model_id", o["model_id"].dictionary_encode()))
    store("reordered", p.select(p.column_names[::-1]), o.select(o.column_names[::-1]))
    store("extra", p.append_column("notes", pa.array([{"a": [1, 2]}] * N)),
          o.append_column("logprobs", pa.array([[0.5, None]] * len(outcomes))).append_column("seed", pa.array([1] * len(outcomes))))
    store("null-type", p.set_column(p.column_names.index("source"), "source", pa.nulls(N)),
          o.append_column("energy_wh", pa.nulls(len(outcomes))))

    path = folder("pyarrow-shards", shards=True)
    pq.write_table(p, os.path.join(path, "prompts.parquet"))
    for k in range(3):
        pq.write_table(o.slice(k * 40, 40), os.path.join(path, "outcomes", f"part-{k:05d}.parquet"))

    path = folder("pyarrow-minimal")
    pq.write_table(p.select(["prompt_id"]), os.path.join(path, "prompts.parquet"))
    pq.write_table(o.select(["model_id", "score", "prompt_id"]), os.path.join(path, "outcomes.parquet"))


def with_polars(prompts, outcomes):
    import polars as pl

    p = pl.DataFrame(prompts, schema_overrides={"embedding": pl.List(pl.Float32)})
    o = pl.DataFrame(outcomes)
    for codec in ("zstd", "snappy", "gzip", "uncompressed", "lz4"):
        path = folder("polars-" + codec)
        p.write_parquet(os.path.join(path, "prompts.parquet"), compression=codec)
        o.write_parquet(os.path.join(path, "outcomes.parquet"), compression=codec, row_group_size=17, statistics=codec == "zstd")
    path = folder("polars-typed")
    p.with_columns(pl.col("embedding").cast(pl.Array(pl.Float64, 3)), pl.col("category").cast(pl.Categorical),
                   pl.col("arrived_at").cast(pl.Datetime("ns"))).write_parquet(os.path.join(path, "prompts.parquet"))
    o.with_columns(pl.col("input_tokens").cast(pl.UInt64), pl.col("output_tokens").cast(pl.Int16), pl.col("score").cast(pl.Float32),
                   pl.col("model_id").cast(pl.Enum(["m0", "m1", "m2"]))).write_parquet(
        os.path.join(path, "outcomes.parquet"), use_pyarrow=False)


def with_duckdb(prompts, outcomes):
    import duckdb
    import pyarrow as pa

    db = duckdb.connect()
    p, o = pa.Table.from_pylist(prompts), pa.Table.from_pylist(outcomes)
    db.register("p", p)
    db.register("o", o)
    for codec in ("zstd", "snappy", "gzip", "uncompressed", "lz4_raw"):
        path = folder("duckdb-" + codec)
        options = f"(FORMAT parquet, COMPRESSION {codec})"
        db.execute(f"COPY p TO '{path}/prompts.parquet' {options}")
        db.execute(f"COPY o TO '{path}/outcomes.parquet' {options}")
    path = folder("duckdb-typed")
    db.execute("CREATE TYPE model AS ENUM ('m0', 'm1', 'm2')")
    db.execute(f"COPY (SELECT * REPLACE (CAST(embedding AS FLOAT[3]) AS embedding, CAST(arrived_at AS TIMESTAMP_MS) AS arrived_at) FROM p) "
               f"TO '{path}/prompts.parquet' (FORMAT parquet, PARQUET_VERSION v2)")
    db.execute(f"COPY (SELECT * REPLACE (CAST(score AS DECIMAL(4,3)) AS score, CAST(model_id AS model) AS model_id, "
               f"CAST(input_tokens AS UTINYINT) AS input_tokens, CAST(output_tokens AS HUGEINT)::BIGINT AS output_tokens) FROM o) "
               f"TO '{path}/outcomes.parquet' (FORMAT parquet, PARQUET_VERSION v2, ROW_GROUP_SIZE 2048)")
    path = folder("duckdb-shards", shards=True)
    db.execute(f"COPY p TO '{path}/prompts.parquet' (FORMAT parquet)")
    for k in range(2):
        db.execute(f"COPY (SELECT * FROM o WHERE hash(prompt_id) % 2 = {k}) TO '{path}/outcomes/part-{k}.parquet' (FORMAT parquet)")


PROMPTS, OUTCOMES = rows()
for write in (with_pyarrow, with_polars, with_duckdb):
    try:
        write(PROMPTS, OUTCOMES)
    except ModuleNotFoundError as missing:
        print("missing:", missing.name)
