module github.com/engawa/engawa/oracle/mutants

go 1.26.0
