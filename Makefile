# make demo   the hub among simulators, with sample data; needs only Go
# make test   every test, on SQLite and PostgreSQL; installs what it needs
# make check  lint, vulnerabilities, generated files in sync
# make bench  figures, with the bare loop beside them
.PHONY: demo test check bench fuzz generate

GOLANGCI := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.12.2
GOVULN   := go run golang.org/x/vuln/cmd/govulncheck@v1.1.4

demo:
	go run ./cmd/engawa demo

test:
	script/install
	script/postgres run go test -race -shuffle=on -timeout 15m ./...

check:
	go mod verify
	go vet ./...
	test -z "$$(gofmt -l $$(git ls-files '*.go'))"
	script/vulnerabilities

bench:
	script/postgres run go test -run '^$$' -bench . -benchtime 3s ./...

fuzz:
	script/fuzz

generate:
	go generate ./...
