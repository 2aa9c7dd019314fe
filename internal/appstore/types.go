package appstore

import (
	"strings"

	"github.com/engawa/engawa"
)

// Type is one kind of notification that is known here.
type Type struct {
	Type    string // in Apple's words
	Subtype string // empty: none
	Group   Group
	ja      string
	ko      string
	en      string
}

// Group puts types together that the same people care about.
type Group string

// The groups.
const (
	GroupSubscription Group = "subscription" // beginning, change and end
	GroupBilling      Group = "billing"      // payment troubles and their end
	GroupPrice        Group = "price"        // price increases
	GroupRefund       Group = "refund"       // refunds and what is taken back
	GroupExtension    Group = "extension"    // renewal dates moved by the business
	GroupPurchase     Group = "purchase"     // things bought once
	GroupExternal     Group = "external"     // purchases outside the App Store
	GroupConsent      Group = "consent"      // a guardian's consent
	GroupTest         Group = "test"
)

// Event returns the event type: "store.", the names in lower case.
func (t Type) Event() string { return eventType(t.Type, t.Subtype) }

// Text says in a short sentence what happened.
func (t Type) Text(l engawa.Locale) string {
	switch l {
	case engawa.Japanese:
		return t.ja
	case engawa.Korean:
		return t.ko
	case engawa.English:
	}
	return t.en
}

// Types lists what the App Store sends, as of its documentation of 2026-11
// (notificationType and subtype, developer.apple.com/documentation/appstoreservernotifications).
// The last three come from Advanced Commerce and are known by name only.
var Types = [...]Type{
	{"SUBSCRIBED", "INITIAL_BUY", GroupSubscription, "初めて購読しました", "처음으로 구독했습니다", "Subscribed for the first time"},
	{"SUBSCRIBED", "RESUBSCRIBE", GroupSubscription, "再び購読しました", "다시 구독했습니다", "Subscribed again"},
	{"DID_CHANGE_RENEWAL_PREF", "UPGRADE", GroupSubscription, "上位のプランに変更しました。すぐに適用されます", "상위 플랜으로 변경했습니다. 바로 적용됩니다", "Moved to a higher plan, effective at once"},
	{"DID_CHANGE_RENEWAL_PREF", "DOWNGRADE", GroupSubscription, "次回の更新から下位のプランに変わります", "다음 갱신부터 하위 플랜으로 바뀝니다", "Moves to a lower plan at the next renewal"},
	{"DID_CHANGE_RENEWAL_PREF", "", GroupSubscription, "下位プランへの変更を取り消しました", "하위 플랜으로의 변경을 취소했습니다", "Took the move to a lower plan back"},
	{"DID_CHANGE_RENEWAL_STATUS", "AUTO_RENEW_ENABLED", GroupSubscription, "自動更新をオンに戻しました", "자동 갱신을 다시 켰습니다", "Switched auto-renew back on"},
	{"DID_CHANGE_RENEWAL_STATUS", "AUTO_RENEW_DISABLED", GroupSubscription, "自動更新をオフにしました", "자동 갱신을 껐습니다", "Switched auto-renew off"},
	{"OFFER_REDEEMED", "", GroupSubscription, "特典を利用しました", "혜택을 사용했습니다", "Redeemed an offer"},
	{"OFFER_REDEEMED", "INITIAL_BUY", GroupSubscription, "特典を利用して初めて購読しました", "혜택을 사용하여 처음으로 구독했습니다", "Redeemed an offer for a first subscription"},
	{"OFFER_REDEEMED", "RESUBSCRIBE", GroupSubscription, "特典を利用して再び購読しました", "혜택을 사용하여 다시 구독했습니다", "Redeemed an offer to subscribe again"},
	{"OFFER_REDEEMED", "UPGRADE", GroupSubscription, "特典を利用して上位のプランに変更しました", "혜택을 사용하여 상위 플랜으로 변경했습니다", "Redeemed an offer for a higher plan"},
	{"OFFER_REDEEMED", "DOWNGRADE", GroupSubscription, "特典を利用して、次回の更新から下位のプランに変わります", "혜택을 사용하여 다음 갱신부터 하위 플랜으로 바뀝니다", "Redeemed an offer for a lower plan from the next renewal"},
	{"DID_RENEW", "", GroupSubscription, "更新されました", "갱신되었습니다", "Renewed"},
	{"DID_RENEW", "BILLING_RECOVERY", GroupBilling, "支払いの問題が解決し、更新されました", "결제 문제가 해결되어 갱신되었습니다", "Renewed after a payment problem was solved"},
	{"DID_FAIL_TO_RENEW", "GRACE_PERIOD", GroupBilling, "支払いに失敗しました。猶予期間中は利用できます", "결제에 실패했습니다. 유예 기간 동안 이용할 수 있습니다", "Payment failed; access goes on during the grace period"},
	{"DID_FAIL_TO_RENEW", "", GroupBilling, "支払いに失敗しました。App Storeが再請求しています", "결제에 실패했습니다. App Store가 다시 청구하고 있습니다", "Payment failed; the App Store keeps trying"},
	{"GRACE_PERIOD_EXPIRED", "", GroupBilling, "支払いのないまま猶予期間が終わりました", "결제되지 않은 채 유예 기간이 끝났습니다", "The grace period ended without payment"},
	{"EXPIRED", "VOLUNTARY", GroupSubscription, "解約により購読が終了しました", "해지하여 구독이 종료되었습니다", "The subscription ended after it was cancelled"},
	{"EXPIRED", "BILLING_RETRY", GroupBilling, "支払いがないため購読が終了しました", "결제되지 않아 구독이 종료되었습니다", "The subscription ended because it was not paid"},
	{"EXPIRED", "PRICE_INCREASE", GroupPrice, "値上げへの同意がなく、購読が終了しました", "가격 인상에 동의하지 않아 구독이 종료되었습니다", "The subscription ended without agreement to a price increase"},
	{"EXPIRED", "PRODUCT_NOT_FOR_SALE", GroupSubscription, "商品の販売が終わったため、購読が終了しました", "상품 판매가 끝나 구독이 종료되었습니다", "The subscription ended because its product is no longer sold"},
	{"EXPIRED", "", GroupSubscription, "購読が終了しました", "구독이 종료되었습니다", "The subscription ended"},
	{"PRICE_INCREASE", "PENDING", GroupPrice, "値上げへの回答を待っています", "가격 인상에 대한 답변을 기다리고 있습니다", "Asked to agree to a price increase; no answer yet"},
	{"PRICE_INCREASE", "ACCEPTED", GroupPrice, "値上げに同意したか、同意の要らない値上げが知らされました", "가격 인상에 동의했거나 동의가 필요 없는 인상이 안내되었습니다", "Agreed to a price increase, or was told of one that needs no agreement"},
	{"REFUND", "", GroupRefund, "App Storeが返金しました", "App Store가 환불했습니다", "The App Store refunded a purchase"},
	{"REFUND_DECLINED", "", GroupRefund, "App Storeが返金の申請を断りました", "App Store가 환불 요청을 거절했습니다", "The App Store declined a refund"},
	{"REFUND_REVERSED", "", GroupRefund, "返金が取り消されました", "환불이 취소되었습니다", "A refund was reversed"},
	{"CONSUMPTION_REQUEST", "", GroupRefund, "返金の申請があり、App Storeが利用状況を尋ねています（12時間以内）", "환불 요청이 있어 App Store가 이용 정보를 묻고 있습니다 (12시간 이내)", "A refund was asked for; the App Store wants usage information within 12 hours"},
	{"RENEWAL_EXTENDED", "", GroupExtension, "更新日が延長されました", "갱신일이 연장되었습니다", "The renewal date was extended"},
	{"RENEWAL_EXTENSION", "SUMMARY", GroupExtension, "更新日の一括延長が完了しました", "갱신일 일괄 연장이 완료되었습니다", "The extension of all renewal dates is complete"},
	{"RENEWAL_EXTENSION", "FAILURE", GroupExtension, "一括延長で、この購読は延長できませんでした", "일괄 연장에서 이 구독은 연장되지 않았습니다", "This subscription could not be extended with the others"},
	{"REVOKE", "", GroupRefund, "ファミリー共有による利用が終わりました", "가족 공유를 통한 이용이 종료되었습니다", "Access by Family Sharing ended"},
	{"TEST", "", GroupTest, "テスト通知です", "테스트 알림입니다", "A test notification"},
	{"ONE_TIME_CHARGE", "", GroupPurchase, "買い切りの商品を購入しました", "일회성 상품을 구매했습니다", "Bought a product once"},
	{"EXTERNAL_PURCHASE_TOKEN", "UNREPORTED", GroupExternal, "外部購入のトークンが未報告です", "외부 구매 토큰이 보고되지 않았습니다", "An external purchase token was not reported"},
	{"EXTERNAL_PURCHASE_TOKEN", "CREATED", GroupExternal, "外部購入のトークンが作成されました", "외부 구매 토큰이 생성되었습니다", "An external purchase token was created"},
	{"EXTERNAL_PURCHASE_TOKEN", "ACTIVE_TOKEN_REMINDER", GroupExternal, "有効な外部購入トークンがあります（毎月のお知らせ）", "유효한 외부 구매 토큰이 있습니다 (매월 안내)", "An external purchase token is still active (monthly reminder)"},
	{"RESCIND_CONSENT", "", GroupConsent, "保護者が同意を取り消しました", "보호자가 동의를 철회했습니다", "A guardian withdrew consent"},
	{"METADATA_UPDATE", "", GroupSubscription, "購読の表示内容が変わりました", "구독의 표시 정보가 변경되었습니다", "The subscription's description changed"},
	{"MIGRATION", "", GroupSubscription, "購読がAdvanced Commerceに移行しました", "구독이 Advanced Commerce로 이전되었습니다", "The subscription moved to Advanced Commerce"},
	{"PRICE_CHANGE", "", GroupPrice, "購読の価格が変わりました", "구독 가격이 변경되었습니다", "The subscription's price changed"},
}

// Find returns the known type of an event type such as "store.did_renew".
func Find(event string) (Type, bool) {
	for _, t := range Types {
		if t.Event() == event {
			return t, true
		}
	}
	return Type{}, false
}

func known(typ, subtype string) bool {
	for _, t := range Types {
		if t.Type == typ && t.Subtype == subtype {
			return true
		}
	}
	return false
}

// maxName bounds each half of an event type; Apple's longest name has 25 letters.
const maxName = 80

// eventType spells Apple's names as an event type. Letters, digits and
// underscores stay; anything else, which Apple has never used, becomes an underscore.
func eventType(typ, subtype string) string {
	event := "store." + spell(typ)
	if subtype != "" {
		event += "." + spell(subtype)
	}
	return event
}

func spell(name string) string {
	if len(name) > maxName {
		name = name[:maxName]
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + ('a' - 'A')
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_':
			return r
		}
		return '_'
	}, name)
}
