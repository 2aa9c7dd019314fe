# make demo      the hub among simulators with sample data; needs only Go
# make test      every test, on SQLite and PostgreSQL; installs what it needs
# make check     modules, lint (vet is a part of it), vulnerabilities, generated files in sync
# make bench     figures beside bare loops, on both engines; fails where a bar is missed
# make bench-lanes  the lanes beside bare loops alone, on both engines
# make bench-first  the first notification that fresh processes prove; takes seconds
# make bench-desk  the support desk's search among a million customers, on both engines; takes minutes
# make bench-trial  a changed route tried on 100,000 past events until the difference is listed, on both engines
# make bench-packs  a pack of rules tried on 100,000 past messages, on both engines
# make bench-handles  how far apart in time answers about handles and relay addresses are, on both engines
# make soak      races of withdrawals against what is sent, RACES on each engine; takes an hour
# make mutants   changes of the rules that no test notices; takes an hour
# make fuzz      every fuzz target for FUZZTIME each; report in docs/reports
# make screens   screenshots of the pages, into docs/screens
# make generate  what is generated: code of pages, golden files, documents
.PHONY: demo test check lint bench bench-lanes bench-first bench-desk bench-trial bench-packs bench-handles soak mutants fuzz screens generate

FUZZTIME ?= 30s
RACES    ?= 50000
# SQLite is C turned into Go, and keeps its memory outside of Go's heap, where the
# race detector cannot look: watching its code costs three quarters of the tests'
# time and can find nothing. What calls it is watched. So is what calls the slow
# hashes of passwords, which are made to cost.
RACE     := -race $(foreach p,modernc.org/sqlite/lib modernc.org/libc modernc.org/memory golang.org/x/crypto/...,-gcflags=$(p)=-race=false)
LINT     := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

demo:
	go run ./cmd/engawa demo

test:
	script/install
	script/in-memory script/postgres run go test $(RACE) -vet=off -shuffle=on -timeout 15m ./...
	go test ./internal/dispatch -run '^TestDay$$'
	script/oracles
	script/demo
	@test -d "$${ENGAWA_SHARED:-../shared}" || echo "NOT RUN: what is held against others' vectors and descriptions; CONTRIBUTING.md says where they lie"

check: lint
	go mod verify
	go mod tidy -diff
	script/vulnerabilities
	script/generated

lint:
	$(LINT) run ./...

bench:
	script/postgres durable sh -c 'echo "$$ENGAWA_TEST_POSTGRES" | go run ./internal/bench'

bench-lanes:
	script/postgres durable sh -c 'echo "$$ENGAWA_TEST_POSTGRES" | go run ./internal/bench lanes'

bench-first:
	go run ./internal/bench first

bench-desk:
	script/postgres durable sh -c 'echo "$$ENGAWA_TEST_POSTGRES" | go run ./internal/bench desk'

bench-trial:
	script/postgres durable sh -c 'echo "$$ENGAWA_TEST_POSTGRES" | go run ./internal/bench trial'

bench-packs:
	script/postgres durable sh -c 'echo "$$ENGAWA_TEST_POSTGRES" | go run ./internal/bench packs'

bench-handles:
	script/postgres durable sh -c 'echo "$$ENGAWA_TEST_POSTGRES" | go run ./internal/bench handles'

soak:
	script/postgres run go test ./internal/store -run '^TestWithdrawalRaces$$' -count=1 -v -timeout 5h -races $(RACES)

mutants:
	cd oracle/mutants && go run .

fuzz:
	script/fuzz $(FUZZTIME)

screens:
	script/install
	rm -f docs/screens/guides.sum
	go test ./internal/console ./internal/mypage -run '^(TestScreens|TestGuides)$$' -screens

generate:
	go generate ./...
	go tool templ generate
