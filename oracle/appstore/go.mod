module github.com/engawa/engawa/oracle/appstore

go 1.26.0

require github.com/engawa/engawa v0.0.0

replace github.com/engawa/engawa => ../..
