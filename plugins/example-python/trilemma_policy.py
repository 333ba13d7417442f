"""A Trilemma routing policy in Python: write a class, call serve(). This file is all there is to it; copy it.

    class Mine(Policy):
        NAME, VERSION, SUMMARY = "mine", "1", "routes by …"
        NEEDS = ["vector"]
        def fit(self, task, report): ...
        def route(self, batch): ...
    serve(Mine)

Put the script, executable and named trilemma-policy-NAME, beside this file and policy_pb2.py into a folder in plugins/,
or put its folder on TRILEMMA_PLUGIN_PATH. It needs grpcio, protobuf and numpy, and for the certificate of its end of
the connection either the package cryptography or the program openssl.

Columns are numpy arrays that lie where they arrived. See policy.proto for what each means; unknown numbers are NaN.
"""

import base64, json, os, queue, subprocess, sys, tempfile, threading, traceback
from concurrent import futures
from types import SimpleNamespace

import grpc
import numpy as np

import policy_pb2 as pb

SELECT, COMBINE, ASK = 0, 1, 2
CHUNK, HEARTBEAT_SEC = 1 << 20, 2.0


class Policy:
    """One instance for one pool of models. Methods are never called at the same time."""

    NAME = VERSION = SUMMARY = SOURCE = ""
    PARAMS = {}  # JSON Schema of each parameter, with "default": {"k": {"type": "integer", "minimum": 1, "default": 5}}
    PREFERENCE = "input"  # or "fixed": one instance for each preference; "ignored"
    NEEDS = []  # of "text", "vector", "category", "live-category", "answer", "response", "grid"
    STOCHASTIC = COMBINES = SEQUENTIAL = EACH_MODEL = False
    UNTRAINED = {}  # the parameters that leave out learning from reward, if it does that

    def __init__(self, models, params, seed):
        """models: their public facts, in the order in which decisions number them. params: all of PARAMS."""
        self.models, self.params, self.seed = models, params, seed

    def route(self, batch):
        """Returns Decisions, one a row of batch: prompt batch.prompt[r] under preference batch.preference[r]."""
        raise NotImplementedError

    # A policy may also have
    #   fit(self, task, report)   task.train, task.validation, task.preferences, task.weighed (the figures that they
    #                             weigh, as outcomes name them); report(stage, step, total, loss=0.5, …)
    #                             ends the fit by an exception once it is cancelled, so call it now and then
    #   save(self) -> bytes, load(self, state)
    #   observe(self, feedback)


class Decisions:
    """Sparse distributions over models, row after row."""

    def __init__(self):
        self.use, self.offset, self.model, self.weight = [], [0], [], []

    def append(self, use, models, weights):
        """Weights are positive and sum to one a row."""
        self.use.append(use)
        self.model.extend(models)
        self.weight.extend(weights)
        self.offset.append(len(self.model))

    @classmethod
    def select(cls, models):
        """One model a row, from an array."""
        d, n = cls(), len(models)
        d.use, d.offset, d.model, d.weight = np.zeros(n), np.arange(n + 1), models, np.ones(n)
        return d


class Cancelled(Exception):
    """The host gave up on a fit."""


# What arrives, as arrays.

def floats(block):
    return np.frombuffer(block, "<f4")


def ints(block):
    return np.frombuffer(block, "<i4")


def bits(block, n):
    return np.unpackbits(np.frombuffer(block, np.uint8), bitorder="little")[:n].astype(bool)


def strings(column):
    at = np.concatenate(([0], np.cumsum(ints(column.length), dtype=np.int64)))
    return [column.data[a:b].decode("utf-8", "replace") for a, b in zip(at[:-1], at[1:])]


class Table(SimpleNamespace):
    """Columns by their names, as arrays [rows] or [rows × width], or lists of texts; None for one that is not there."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return None


def column(parts):
    """A column, put together from its parts. parts: pairs of a number of rows and a Column."""
    kind = parts[0][1].WhichOneof("values")
    if kind == "text":
        return [s for _, c in parts for s in strings(c.text)]
    read = {"f32": floats, "i32": ints, "f64": lambda b: np.frombuffer(b, "<f8")}
    arrays = [bits(c.bit, rows * c.width) if kind == "bit" else read[kind](getattr(c, kind)) for rows, c in parts]
    x, width = np.concatenate(arrays) if len(arrays) > 1 else arrays[0], parts[0][1].width
    return x.reshape(sum(rows for rows, _ in parts), width) if width != 1 else x


def table(*parts):
    """Tables of the same columns under one another."""
    by_name = {}
    for t in parts:
        for c in t.columns:
            by_name.setdefault(c.name, []).append((t.rows, c))
    t = Table(rows=sum(t.rows for t in parts), **{name: column(p) for name, p in by_name.items()})
    for name in ("vector", "grid_g_per_kwh"):  # matrices even where they are one wide
        if name in by_name:
            setattr(t, name, getattr(t, name).reshape(t.rows, by_name[name][0][1].width))
    return t


def preferences(t):
    """[n × quantities]: the score that one unit of each quantity is worth, in the order of weighed(t)."""
    return np.stack([column([(t.rows, c)]) for c in t.columns], axis=1)


def weighed(t):
    """The names of the figures that a preference weighs, such as cost_usd."""
    return [c.name for c in t.columns]


PROMPTS = ("id", "text", "category", "vector", "grid_g_per_kwh", "reference")


def split(parts):
    """The parts of a split: prompts and outcomes, which are matrices [prompts × models]; answers are lists, row-major."""
    if not parts:
        return None
    whole, models = table(*(p.split for p in parts)), parts[0].models
    columns = {n: x.reshape(-1, models) if isinstance(x, np.ndarray) else x for n, x in vars(whole).items() if n not in PROMPTS + ("rows",)}
    return Table(
        prompts=Table(**{n: x for n, x in vars(whole).items() if n in PROMPTS}),
        reference=whole.reference, outcomes=Table(models=models, **columns),
    )


def batch(m):
    asked = None
    if m.HasField("asked"):
        asked = table(m.asked)
        asked.offset = ints(m.asked_offset)
    return SimpleNamespace(
        prompts=table(m.prompts), preferences=preferences(m.preferences), weighed=weighed(m.preferences), prompt=ints(m.prompt),
        preference=ints(m.preference), round=m.round, asked=asked, rows=len(m.prompt) // 4,
    )


# Chunks: a message is the data of consecutive chunks up to one marked last.

def receive(chunks, kind=None):
    data = bytearray()
    for c in chunks:
        data += c.data
        if c.last:
            return bytes(data) if kind is None else kind.FromString(bytes(data))
    raise EOFError("the stream ended within a message")


def send(data):
    for at in range(0, max(len(data), 1), CHUNK):
        yield pb.Chunk(data=data[at : at + CHUNK], last=at + CHUNK >= len(data))


class Service:
    """Answers policy.v2 for one policy class."""

    def __init__(self, cls):
        self.cls, self.policy, self.lock = cls, None, threading.Lock()

    def answer(self, context, f, code=grpc.StatusCode.UNKNOWN):
        try:
            with self.lock:
                return f()
        except Exception as e:
            traceback.print_exc()
            message = f"{type(e).__name__}: {e}"
        context.abort(code, message)

    def configured(self, name=None):
        if self.policy is None:
            raise RuntimeError("not configured")
        return self.policy if name is None else getattr(self.policy, name)

    def describe(self, _, context):
        c = self.cls
        schema = {"type": "object", "additionalProperties": False, "properties": c.PARAMS}
        return pb.Description(
            name=c.NAME, version=c.VERSION, summary=c.SUMMARY, source=c.SOURCE, params_schema=json.dumps(schema).encode(),
            preference=c.PREFERENCE, needs=c.NEEDS, stochastic=c.STOCHASTIC, combines=c.COMBINES, sequential=c.SEQUENTIAL,
            untrained=json.dumps(c.UNTRAINED).encode() if c.UNTRAINED else b"",
            each_model=c.EACH_MODEL, learns=hasattr(c, "fit"), saves=hasattr(c, "save"), online=hasattr(c, "observe"),
        )

    def configure(self, m, context):
        def make():
            params = {name: schema["default"] for name, schema in self.cls.PARAMS.items()}
            params.update(json.loads(m.params or b"{}") or {})
            self.policy = self.cls(list(m.models), params, m.seed)

        self.answer(context, make, grpc.StatusCode.INVALID_ARGUMENT)
        return pb.ConfigureResponse()

    def fit(self, chunks, context):
        out, cancelled = queue.Queue(), threading.Event()
        context.add_callback(cancelled.set)

        def report(stage, step=0, total=0, **metrics):
            if cancelled.is_set():
                raise Cancelled()
            progress = pb.Progress(stage=stage, step=step, total=total)
            for name, value in metrics.items():
                progress.metrics.add(name=name, value=float(value))
            out.put(pb.FitReport(progress=progress))

        def run():
            try:
                header = receive(chunks, pb.TaskHeader)
                part = lambda size: [receive(chunks, pb.SplitPart) for _ in range(size.parts)]
                task = SimpleNamespace(
                    preferences=preferences(header.preferences), weighed=weighed(header.preferences), train=split(part(header.train)),
                    validation=split(part(header.validation)), cancelled=cancelled.is_set,
                )
                with self.lock:
                    self.configured("fit")(task, report)
                out.put(None)
            except BaseException as e:  # Cancelled, or whatever the policy raises
                if not isinstance(e, Cancelled):
                    traceback.print_exc()
                out.put(e)

        threading.Thread(target=run, daemon=True).start()
        while True:
            try:
                m = out.get(timeout=HEARTBEAT_SEC)
            except queue.Empty:
                m = pb.FitReport()  # a sign of life
            if m is None:
                return
            if isinstance(m, BaseException):
                context.abort(grpc.StatusCode.UNKNOWN, f"{type(m).__name__}: {m}")
            yield m

    def route(self, chunks, context):
        def decide():
            d = self.configured("route")(batch(receive(chunks, pb.Batch)))
            return pb.Decisions(
                use=np.asarray(d.use, np.uint8).tobytes(), offset=np.asarray(d.offset, "<i4").tobytes(),
                model=np.asarray(d.model, "<i4").tobytes(), weight=np.asarray(d.weight, "<f4").tobytes(),
            ).SerializeToString()

        yield from send(self.answer(context, decide))

    def observe(self, chunks, context):
        def show():
            m = receive(chunks, pb.Feedback)
            self.configured("observe")(
                Table(prompts=table(m.prompts), preference=preferences(m.preference), **vars(table(m.outcome)))
            )

        self.answer(context, show)
        return pb.ObserveResponse()

    def save(self, _, context):
        yield from send(self.answer(context, lambda: bytes(self.configured("save")())))

    def load(self, chunks, context):
        self.answer(context, lambda: self.configured("load")(receive(chunks)))
        return pb.LoadResponse()

    def handlers(self):
        one, many = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
        took, both = grpc.stream_unary_rpc_method_handler, grpc.stream_stream_rpc_method_handler
        rpc = lambda kind, f, request: kind(f, request.FromString, lambda m: m.SerializeToString())
        return grpc.method_handlers_generic_handler("policy.v2.Policy", {
            "Describe": rpc(one, self.describe, pb.DescribeRequest), "Configure": rpc(one, self.configure, pb.Setup),
            "Fit": rpc(both, self.fit, pb.Chunk), "Route": rpc(both, self.route, pb.Chunk),
            "Observe": rpc(took, self.observe, pb.Chunk), "Save": rpc(many, self.save, pb.SaveRequest),
            "Load": rpc(took, self.load, pb.Chunk),
        })


def certificate():
    """A certificate for one use and its key, both PEM, and the certificate as DER."""
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization as s
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import NameOID
        import datetime
    except ImportError:
        with tempfile.TemporaryDirectory() as dir:
            key, cert = os.path.join(dir, "key"), os.path.join(dir, "cert")
            try:
                subprocess.run(
                    ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key,
                     "-out", cert, "-days", "3650", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                    check=True, capture_output=True)  # fmt: skip
            except (OSError, subprocess.CalledProcessError) as e:
                sys.exit(f"no certificate can be made ({e}): pip install cryptography, or install openssl")
            with open(key, "rb") as k, open(cert, "rb") as c:
                key_pem, pem = k.read(), c.read()
        return key_pem, pem, base64.b64decode(b"".join(pem.splitlines()[1:-1]))
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    cert = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())
    return pem, cert.public_bytes(s.Encoding.PEM), cert.public_bytes(s.Encoding.DER)


def serve(cls):
    """Serves the policy until the host is done. Speaks go-plugin's handshake with AutoMTLS."""
    if os.environ.get("TRILEMMA_PLUGIN") != "trilemma-policy":
        sys.exit(f"This is a plugin of Trilemma, not to be run by hand. It serves {cls.NAME}: {cls.SUMMARY}")
    if "2" not in os.environ.get("PLUGIN_PROTOCOL_VERSIONS", "2").split(","):
        sys.exit("this plugin speaks protocol version 2 only; the host wants " + os.environ["PLUGIN_PROTOCOL_VERSIONS"])
    done = threading.Event()
    empty = lambda reply: grpc.unary_unary_rpc_method_handler(lambda *_: reply(), None, None)

    def shutdown():
        done.set()
        return b""

    server = grpc.server(futures.ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers((
        Service(cls).handlers(),
        grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": empty(lambda: b"\x08\x01")}),  # SERVING
        grpc.method_handlers_generic_handler("plugin.GRPCController", {"Shutdown": empty(shutdown)}),
    ))
    key, cert, der = certificate()
    path = os.path.join(tempfile.mkdtemp(dir=os.environ.get("PLUGIN_UNIX_SOCKET_DIR") or None), "s")
    client = os.environ["PLUGIN_CLIENT_CERT"].encode()
    server.add_secure_port("unix:" + path, grpc.ssl_server_credentials([(key, cert)], client, require_client_auth=True))
    server.start()
    print(f"1|2|unix|{path}|grpc|{base64.b64encode(der).decode().rstrip('=')}", flush=True)
    sys.stdout.reconfigure(line_buffering=True)  # from here on what is printed goes to the run's log
    if os.environ.get("TRILEMMA_LIFELINE") == "stdin":
        threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
    done.wait()
    server.stop(0.1).wait()
    os._exit(0)  # a policy's own threads do not keep it alive
