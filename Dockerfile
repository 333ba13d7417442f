# Trilemma with what its two commands need. Results lie in the volume:
#   docker build -t trilemma .
#   docker run --rm -v "$PWD/results:/trilemma/results" trilemma                        # the quickstart
#   docker run --rm -v "$PWD/my-trace:/my-trace:ro" -v "$PWD/results:/trilemma/results" trilemma run experiments/own.yaml --set data.trace=/my-trace
#   docker build --target build -t trilemma-build . && docker run --rm trilemma-build make test
FROM golang:1.26-bookworm AS build
WORKDIR /trilemma
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev REVISION=unknown
RUN make build VERSION="$VERSION" REVISION="$REVISION"

FROM debian:bookworm-slim
RUN useradd --create-home trilemma && install -d -o trilemma /trilemma /trilemma/results
WORKDIR /trilemma
COPY --from=build /trilemma/bin/trilemma bin/trilemma
COPY --from=build /trilemma/experiments experiments
COPY --from=build /trilemma/data data
COPY --from=build /trilemma/README.md /trilemma/LICENSE ./
USER trilemma
ENTRYPOINT ["/trilemma/bin/trilemma"]
CMD ["run", "experiments/quickstart.yaml"]
