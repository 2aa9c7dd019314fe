package sim

var more []route

type (
	narrowcast struct{}
	menus      struct{}
)

func newMenus() menus { return menus{} }

type coupon struct{}

func (a *account) coupon(id string) *coupon { return nil }

type (
	audience  struct{}
	login     struct{ ID string }
	linkToken struct{}
)

func (s *Server) Logins() []string { return nil }

const userToken = "user"
