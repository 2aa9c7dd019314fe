module github.com/engawa/engawa/oracle/oidc

go 1.26.0

require (
	github.com/engawa/engawa v0.0.0
	github.com/zitadel/oidc/v3 v3.51.17
)

replace github.com/engawa/engawa => ../..
