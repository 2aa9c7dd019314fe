package demo

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/serve"
	"github.com/engawa/engawa/internal/source/inbox"
	"github.com/engawa/engawa/internal/store"
)

const (
	workspaceID = "ws_hinata"
	appID       = "app_hinata"
	appAccount  = "acc_appstore"
	chatAccount = "acc_chatwork"
	mailAccount = "acc_mail"
	pushAccount = "acc_push"
	deskAccount = "acc_zendesk"
	lineAccount = "acc_line"
	deskClient  = "engawa-demo"
	yes         = "cus_tanaka" // consented to offers by mail
	no          = "cus_kim"    // did not
	fan         = "cus_mori"   // wants to hear everything
	lost        = "cus_hoshi"  // whose mail provider breaks off
	brokenMail  = "ren.hoshi@broken.example"
	moved       = "cus_ishii"                      // whose mailbox is gone
	annoyed     = "cus_oka"                        // who calls offers spam
	polite      = "cus_noda"                       // who answers
	siteAccount = "acc_00000000000000000000000000" // the member site's inbox
	roomPlace   = "dst_contracts"
	staffPlace  = "dst_staff"
	deskPlace   = "dst_desk"
	deadline    = 3 * time.Second // of the room, before the notice goes by mail
)

// furnish makes the sample business: Hinata Coffee, a subscription shop with an
// iOS app. Where a kept folder has it already, its accounts are pointed at the
// new simulators and everything else is left as it is.
func (w *world) furnish(ctx context.Context, h *serve.Hub) error {
	if _, err := h.Store.Workspace(ctx, workspaceID); err == nil {
		w.again, h.Gallery = true, true
		return errors.Join(w.repoint(ctx, h), w.newKey(ctx, h))
	}
	for _, step := range []func(context.Context, *serve.Hub) error{w.business, w.member, w.accounts, w.customers, w.routesAndWords, w.newKey} {
		if err := step(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) business(ctx context.Context, h *serve.Hub) error {
	err := h.Store.AddWorkspace(ctx, engawa.Workspace{
		ID: workspaceID, Name: "ひなた珈琲", Locale: engawa.Japanese, Zone: "Asia/Tokyo", Country: "JP", CreatedAt: time.Now(),
		Sender: engawa.SenderProfile{
			Name: "ひなた珈琲", Postal: "石川県金沢市広坂1-2-3", Phone: "076-000-0000", Mail: "hello@hinata.example", Contact: "https://hinata.example/contact",
		},
	})
	if err != nil {
		return err
	}
	return h.Store.AddApp(ctx, engawa.App{Workspace: workspaceID, ID: appID, Name: "ひなた珈琲アプリ", CreatedAt: time.Now()})
}

// repoint gives the accounts of a kept demo the addresses of this run's simulators.
func (w *world) repoint(ctx context.Context, h *serve.Hub) error {
	for _, fresh := range w.accountList() {
		a, err := h.Store.Account(ctx, workspaceID, fresh.ID)
		if told, ok := errors.AsType[*engawa.Error](err); ok && told.Code == engawa.CodeNotFound {
			continue // the folder is of an older demo, without this provider
		}
		if err != nil {
			return err
		}
		a.Settings = fresh.Settings
		if err := h.Store.ChangeAccount(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) accountList() []engawa.Account {
	keyID, issuer, p8 := w.store.Key()
	return []engawa.Account{
		{ID: appAccount, Kind: "appstore", Name: "App Store", Environment: engawa.Production, Settings: map[string]string{
			"bundle_id": bundleID, "app_apple_id": strconv.Itoa(appAppleID), "environment": "production", "app": appID, "roots": w.store.RootPEM(),
			"key_id": keyID, "issuer_id": issuer, "private_key": p8, "api_url": w.storeURL,
		}},
		{ID: chatAccount, Kind: "chatwork", Name: "Chatwork", Environment: engawa.Sandbox, Settings: map[string]string{
			"token": "demo-token", "base_url": w.chatURL + "/v2",
		}},
		{ID: mailAccount, Kind: "mail", Name: "メール", Environment: engawa.Sandbox, Settings: map[string]string{
			"host": w.mailAddr, "tls": "none", "from_address": "shop@hinata.example", "from_name": "ひなた珈琲", "per_second": "50",
			"dkim_domain": mailDomain, "dkim_selector": selector, "dkim_key": w.mailKey, "relay_domain": relayDomain, "relay_replies": "true",
		}},
		{ID: pushAccount, Kind: "webhook", Name: "アプリの通知", Environment: engawa.Sandbox, Settings: map[string]string{
			"url": w.pushURL + "/push", "secret": w.pushKey,
		}},
		{ID: lineAccount, Kind: "line", Name: "LINE公式アカウント", Environment: engawa.Sandbox, Settings: map[string]string{
			"channel_id": w.onLine.ID, "channel_secret": w.onLine.Secret, "bot_user_id": w.onLine.UserID, "base_url": w.lineURL,
		}},
		{ID: deskAccount, Kind: "zendesk", Name: "Zendesk", Environment: engawa.Sandbox, Settings: map[string]string{
			"subdomain": "hinata", "client_id": deskClient, "client_secret": w.deskPass, "webhook_secret": w.deskKey, "tags": "engawa, application", "base_url": w.deskURL,
			"custom_fields": "360000000000101 = data.c.name\n360000000000102 = data.amount",
		}},
	}
}

func (w *world) accounts(ctx context.Context, h *serve.Hub) error {
	for _, a := range w.accountList() {
		a.Workspace, a.Owner, a.Custodian, a.Enabled, a.CreatedAt = workspaceID, engawa.OwnerWorkspace, engawa.OwnerWorkspace, true, time.Now()
		if err := h.Store.AddAccount(ctx, a); err != nil {
			return err
		}
	}
	if err := w.site(ctx, h); err != nil {
		return err
	}
	for _, d := range []engawa.Destination{
		{ID: roomPlace, Name: "契約の部屋", Account: chatAccount, Address: "7001"},
		{ID: "dst_general", Name: "全体の部屋", Account: chatAccount, Address: "7002"},
		{ID: "dst_applications", Name: "申込の部屋", Account: chatAccount, Address: "7003"},
		{ID: "dst_payments", Name: "お金の部屋", Account: chatAccount, Address: "7004"},
		{ID: deskPlace, Name: "申込の窓口(Zendesk)", Account: deskAccount, Address: engawa.Address(strconv.Itoa(groupID))},
		{ID: staffPlace, Name: "スタッフのメール", Account: mailAccount, Address: "staff@hinata.example"},
	} {
		d.Workspace, d.Locale, d.CreatedAt = workspaceID, engawa.Japanese, time.Now()
		if err := h.Store.AddDestination(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// site is the inbox for the notices of the member site, which has no API.
func (w *world) site(ctx context.Context, h *serve.Hub) error {
	patterns, err := inbox.Text([]inbox.Pattern{{
		Name: "メンテナンスモード", From: "@members.example", Subject: "メンテナンスモード", Body: `モード: (?P<mode>\S+)`, Type: "site.maintenance.changed",
		Data: map[string]string{"mode": "mode"},
	}})
	if err != nil {
		return err
	}
	return h.Store.AddAccount(ctx, engawa.Account{
		Workspace: workspaceID, ID: siteAccount, Kind: "inbox", Name: "会員サイトの通知", Environment: engawa.Sandbox, Owner: engawa.OwnerWorkspace,
		Custodian: engawa.OwnerWorkspace, Enabled: true, CreatedAt: time.Now(), Settings: map[string]string{"patterns": patterns},
	})
}

func (w *world) customers(ctx context.Context, h *serve.Hub) error {
	now := time.Now()
	for _, c := range []struct {
		id, name, country, zone string
		locale                  engawa.Locale
		mail                    engawa.Address
	}{
		{yes, "田中 美咲", "JP", "Asia/Tokyo", engawa.Japanese, "misaki.tanaka@customer.example"},
		{no, "김서연", "KR", "Asia/Seoul", engawa.Korean, "seoyeon.kim@customer.example"},
		{fan, "森 遥", "JP", "Asia/Tokyo", engawa.Japanese, "haruka.mori@customer.example"},
		{lost, "星 蓮", "JP", "Asia/Tokyo", engawa.Japanese, brokenMail},
		{moved, "石井 空", "JP", "Asia/Tokyo", engawa.Japanese, "gone-ishii@customer.example"},
		{annoyed, "岡 旭", "JP", "Asia/Tokyo", engawa.Japanese, "complains-oka@customer.example"},
		{polite, "野田 凪", "JP", "Asia/Tokyo", engawa.Japanese, "answers-noda@customer.example"},
	} {
		if err := h.Store.AddCustomer(ctx, store.NewCustomer{
			Customer:   engawa.Customer{Workspace: workspaceID, ID: c.id, Kind: "person", Name: c.name, Locale: c.locale, Country: c.country, Zone: c.zone, CreatedAt: now},
			Identities: []engawa.Identity{appAccountToken(c.id)},
			ContactPoints: []engawa.ContactPoint{{
				Workspace: workspaceID, ID: "cp_" + c.id, Customer: c.id, Kind: "mail", Address: c.mail, Role: "login", VerifiedAt: now, CreatedAt: now,
			}},
			Sample: true,
		}); err != nil {
			return err
		}
	}
	for _, customer := range []string{yes, fan, annoyed} {
		if err := h.Store.Decide(ctx, engawa.Consent{
			Workspace: workspaceID, ID: engawa.NewID(engawa.PrefixConsent), Customer: customer, Controller: engawa.ControllerWorkspace, Act: engawa.ActContact,
			Purpose: engawa.Marketing, Channel: "mail", Given: true, At: now.Add(-40 * 24 * time.Hour),
			Evidence: engawa.Evidence{Wording: wordings[engawa.Japanese], Version: "v3", Where: "アプリの登録画面", How: "checkbox", Locale: engawa.Japanese},
		}); err != nil {
			return err
		}
	}
	return nil
}

// routesAndWords are the templates and the routes: an offer to the customer whose
// renewal was switched off, and a notice to the room of the contract group.
func (w *world) routesAndWords(ctx context.Context, h *serve.Hub) error {
	for _, t := range []engawa.Template{
		{ID: "tpl_offer", Name: "引き止めのご案内", Words: map[engawa.Locale]engawa.Content{
			engawa.Japanese: {
				Subject: "{{customer.name}}様、次の3か月を半額でお届けします",
				Text:    "{{customer.name}}様\n\n自動更新がオフになったことを確認しました。いつもありがとうございます。\nもう少しご一緒できたら嬉しいので、次の3か月を半額でご用意しました。\nアプリの「ご案内」からお申し込みいただけます。\n",
			},
			engawa.Korean: {
				Subject: "{{customer.name}}님, 다음 3개월을 반값에 보내 드립니다",
				Text:    "{{customer.name}}님\n\n자동 갱신이 꺼진 것을 확인했습니다. 늘 감사합니다.\n조금 더 함께하고 싶은 마음에 다음 3개월을 반값으로 준비했습니다.\n앱의 ‘안내’에서 신청하실 수 있습니다.\n",
			},
		}},
		{ID: "tpl_payment", Name: "お支払いのお願い", Words: map[engawa.Locale]engawa.Content{
			engawa.Japanese: {Subject: "今月のお支払いを確認できませんでした", Text: "{{customer.name}}様\n\n今月分のお支払いを確認できませんでした。\nアプリの「お支払い」で、カードの期限をお確かめください。豆は1週間お取り置きします。\n"},
			engawa.Korean:   {Subject: "이번 달 결제를 확인하지 못했습니다", Text: "{{customer.name}}님\n\n이번 달 결제를 확인하지 못했습니다.\n앱의 ‘결제’에서 카드 유효 기간을 확인해 주십시오. 원두는 일주일 동안 보관해 두겠습니다.\n"},
			engawa.English:  {Subject: "This month's payment did not go through", Text: "Dear {{customer.name}},\n\nthis month's payment did not go through.\nPlease check your card's expiry date under Payment in the app. We will keep your beans for a week.\n"},
		}},
		{ID: "tpl_beans", Name: "新しい豆のご案内", Words: map[engawa.Locale]engawa.Content{
			engawa.Japanese: {Text: "新しい豆が入りました。エチオピア・イルガチェフェ、200g 1,480円。アプリからご注文いただけます。\n"},
			engawa.Korean:   {Text: "새 원두가 들어왔습니다. 에티오피아 예가체프 200g 13,900원. 앱에서 주문하실 수 있습니다.\n"},
			engawa.English:  {Text: "New beans are in: Ethiopia Yirgacheffe, 200 g for 1,480 yen. Order in the app.\n"},
		}},
	} {
		t.Workspace = workspaceID
		if err := h.Store.SaveTemplate(ctx, t); err != nil {
			return err
		}
	}
	for _, r := range []engawa.Route{
		{ID: "rte_save", Name: "自動更新オフ → お客さまへご案内", Events: []string{renewalOff}, Then: []engawa.Step{
			{To: "customer", App: "app_hinata", Template: "tpl_offer", Purpose: engawa.Marketing, Topic: "renewal", Via: []engawa.Via{{Account: mailAccount}}},
		}},
		{ID: "rte_room", Name: "契約の動き → 契約の部屋", Events: []string{renewalOff}, Then: []engawa.Step{
			notice(roomPlace),
		}},
		{ID: "rte_general", Name: "会員の動き → 全体の部屋", Events: []string{"member.*"}, Then: []engawa.Step{notice("dst_general")}},
		{ID: "rte_applications", Name: "申し込み → 申込の部屋", Events: []string{"application.*"}, Then: []engawa.Step{notice("dst_applications")}},
		{ID: "rte_tickets", Name: "申し込み → Zendesk のチケット", Events: []string{"application.completed"}, Then: []engawa.Step{
			{To: deskPlace, Purpose: engawa.Service, Via: []engawa.Via{{Account: deskAccount, Within: time.Minute}, {Account: mailAccount, Destination: staffPlace}}},
		}},
		{ID: "rte_payments", Name: "支払いの失敗・返金 → お金の部屋", Events: []string{"payment.recurring.*", "payment.refunded"}, Then: []engawa.Step{notice("dst_payments")}},
		{ID: "rte_store_money", Name: "App Store の返金・支払いの失敗 → お金の部屋", Events: []string{"store.refund", "store.did_fail_to_renew", "store.did_fail_to_renew.grace_period"}, Then: []engawa.Step{
			notice("dst_payments"),
		}},
		{ID: "rte_store_failed", Name: "App Store の支払いの失敗 → お客さまへお知らせ", Events: []string{"store.did_fail_to_renew", "store.did_fail_to_renew.grace_period"}, Then: []engawa.Step{
			{To: "customer", App: "app_hinata", Template: "tpl_payment", Purpose: engawa.Service, Via: []engawa.Via{{Account: mailAccount}}},
		}},
		{ID: "rte_contracts", Name: "契約 → 契約の部屋", Events: []string{"contract.*"}, Then: []engawa.Step{notice(roomPlace)}},
		{ID: "rte_failed", Name: "支払いの失敗 → お客さまへお知らせ", Events: []string{"payment.recurring.failed"}, Then: []engawa.Step{
			{To: "customer", App: "app_hinata", Template: "tpl_payment", Purpose: engawa.Service, Via: []engawa.Via{{Account: mailAccount}}},
		}},
		{ID: "rte_leaving", Name: "解約の予約 → お客さまへご案内", Events: []string{"contract.termination.reserved"}, Then: []engawa.Step{
			{To: "customer", App: "app_hinata", Template: "tpl_offer", Purpose: engawa.Marketing, Topic: "renewal", Via: []engawa.Via{{Account: mailAccount}}},
		}},
	} {
		r.Workspace, r.Enabled, r.UpdatedBy, r.UpdatedAt = workspaceID, true, "demo", time.Now()
		if err := h.Store.SaveRoute(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// notice is a notice to a room, by mail to the staff where the room cannot take it in time.
func notice(room string) engawa.Step {
	return engawa.Step{To: room, Purpose: engawa.Service, Via: []engawa.Via{
		{Account: chatAccount, Within: deadline}, {Account: mailAccount, Destination: staffPlace},
	}}
}
