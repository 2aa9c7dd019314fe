package appstore

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/engawa/engawa"
)

// code is what is known of one of Apple's error codes.
type code struct {
	name  string // Apple's
	again bool   // Apple calls it retryable
	field string // of the request, in Apple's words; then the texts are those of a refused value
	ja    string
	ko    string
	en    string
}

// codes are the errors of the endpoints used here (App Store Server API, Error
// codes, 2026-11). What is missing keeps its number and Apple's words. 5000000
// is not called retryable by Apple's libraries, though the documentation says
// "try again later".
var codes = map[int64]code{
	4000000: {name: "GENERAL_BAD_REQUEST", ja: "App Storeはこの依頼を受け付けませんでした", ko: "App Store가 이 요청을 받아들이지 않았습니다", en: "The App Store does not take this request"},
	4000002: {name: "INVALID_APP_IDENTIFIER", field: "appAppleId"},
	4000005: {name: "INVALID_REQUEST_REVISION", field: "revision"},
	4000006: {name: "INVALID_TRANSACTION_ID", field: "transactionId"},
	4000008: {name: "INVALID_ORIGINAL_TRANSACTION_ID", field: "originalTransactionId"},
	4000009: {name: "INVALID_EXTEND_BY_DAYS", field: "extendByDays"},
	4000010: {name: "INVALID_EXTEND_REASON_CODE", field: "extendReasonCode"},
	4000011: {name: "INVALID_REQUEST_IDENTIFIER", field: "requestIdentifier"},
	4000012: {name: "START_DATE_TOO_FAR_IN_PAST", ja: "履歴の開始日が古すぎます。本番は180日前、Sandboxは30日前まで遡れます", ko: "기록의 시작일이 너무 오래되었습니다. 실제 환경은 180일 전, Sandbox는 30일 전까지 조회할 수 있습니다", en: "The history begins too early: production goes back 180 days, the sandbox 30"},
	4000013: {name: "START_DATE_AFTER_END_DATE", ja: "履歴の開始日が終了日より前ではありません", ko: "기록의 시작일이 종료일보다 앞서지 않습니다", en: "The history's start is not before its end"},
	4000014: {name: "INVALID_PAGINATION_TOKEN", field: "paginationToken"},
	4000015: {name: "INVALID_START_DATE", field: "startDate"},
	4000016: {name: "INVALID_END_DATE", field: "endDate"},
	4000017: {name: "PAGINATION_TOKEN_EXPIRED", ja: "ページの続きを読む期限が切れました。履歴を最初から読み直してください", ko: "다음 페이지를 읽을 기한이 지났습니다. 기록을 처음부터 다시 읽어 주십시오", en: "The place in the history is kept no longer; read it from the start again"},
	4000018: {name: "INVALID_NOTIFICATION_TYPE", field: "notificationType"},
	4000019: {name: "MULTIPLE_FILTERS_SUPPLIED", ja: "通知の種類と取引IDは、どちらか一方だけで絞り込めます", ko: "알림 종류와 거래 ID 중 하나로만 좁힐 수 있습니다", en: "Notifications are filtered by type or by transaction, not by both"},
	4000020: {name: "INVALID_TEST_NOTIFICATION_TOKEN", field: "testNotificationToken"},
	4000021: {name: "INVALID_SORT", field: "sort"},
	4000022: {name: "INVALID_PRODUCT_TYPE", field: "productType"},
	4000023: {name: "INVALID_PRODUCT_ID", field: "productId"},
	4000024: {name: "INVALID_SUBSCRIPTION_GROUP_IDENTIFIER", field: "subscriptionGroupIdentifier"},
	4000025: {name: "INVALID_EXCLUDE_REVOKED", field: "excludeRevoked"},
	4000026: {name: "INVALID_IN_APP_OWNERSHIP_TYPE", field: "inAppOwnershipType"},
	4000027: {name: "INVALID_EMPTY_STOREFRONT_COUNTRY_CODE_LIST", ja: "国・地域の一覧が空です。すべてを対象にするときは一覧を付けません", ko: "국가·지역 목록이 비어 있습니다. 모두를 대상으로 할 때는 목록을 넣지 않습니다", en: "The list of storefronts is empty; for all of them leave it out"},
	4000028: {name: "INVALID_STOREFRONT_COUNTRY_CODE", field: "storefrontCountryCodes"},
	4000030: {name: "INVALID_REVOKED", field: "revoked"},
	4000031: {name: "INVALID_STATUS", field: "status"},
	4000032: {name: "INVALID_ACCOUNT_TENURE", field: "accountTenure"},
	4000033: {name: "INVALID_APP_ACCOUNT_TOKEN", field: "appAccountToken"},
	4000034: {name: "INVALID_CONSUMPTION_STATUS", field: "consumptionStatus"},
	4000035: {name: "INVALID_CUSTOMER_CONSENTED", field: "customerConsented"},
	4000036: {name: "INVALID_DELIVERY_STATUS", field: "deliveryStatus"},
	4000037: {name: "INVALID_LIFETIME_DOLLARS_PURCHASED", field: "lifetimeDollarsPurchased"},
	4000038: {name: "INVALID_LIFETIME_DOLLARS_REFUNDED", field: "lifetimeDollarsRefunded"},
	4000039: {name: "INVALID_PLATFORM", field: "platform"},
	4000040: {name: "INVALID_PLAY_TIME", field: "playTime"},
	4000041: {name: "INVALID_SAMPLE_CONTENT_PROVIDED", field: "sampleContentProvided"},
	4000042: {name: "INVALID_USER_STATUS", field: "userStatus"},
	4000043: {name: "INVALID_TRANSACTION_NOT_CONSUMABLE", ja: "この購入は消耗型の商品ではありません", ko: "이 구매는 소모성 상품이 아닙니다", en: "This purchase is not a consumable"},
	4000047: {name: "INVALID_TRANSACTION_TYPE_NOT_SUPPORTED", ja: "この種類の商品では利用できません", ko: "이 종류의 상품에는 사용할 수 없습니다", en: "This does not exist for products of this type"},
	4000048: {name: "APP_TRANSACTION_ID_NOT_SUPPORTED_ERROR", ja: "ここではappTransactionIdを使えません。取引IDを使ってください", ko: "여기서는 appTransactionId를 쓸 수 없습니다. 거래 ID를 사용해 주십시오", en: "An appTransactionId does not do here; use a transaction id"},
	4000183: {name: "INVALID_APP_ACCOUNT_TOKEN_UUID_ERROR", ja: "appAccountTokenはUUIDの形で書きます", ko: "appAccountToken은 UUID 형식으로 적습니다", en: "An appAccountToken has the form of a UUID"},
	4000185: {name: "FAMILY_TRANSACTION_NOT_SUPPORTED_ERROR", ja: "ファミリー共有の購入には設定できません", ko: "가족 공유로 받은 구매에는 설정할 수 없습니다", en: "It cannot be set for a purchase shared by the family"},
	4000187: {name: "TRANSACTION_ID_IS_NOT_ORIGINAL_TRANSACTION_ID_ERROR", ja: "更新ごとの取引IDではなく、最初の取引のID (originalTransactionId) を使ってください", ko: "갱신마다 바뀌는 거래 ID가 아니라 최초 거래의 ID (originalTransactionId)를 사용해 주십시오", en: "Use the original transaction id, not that of a renewal"},
	4030004: {name: "SUBSCRIPTION_EXTENSION_INELIGIBLE", ja: "この購読は今は延長できません。無料特典の期間中、支払いの再試行中、猶予期間の後、終了後は延長の対象外です", ko: "이 구독은 지금 연장할 수 없습니다. 무료 혜택 기간, 결제 재시도 중, 유예 기간 이후, 종료 이후에는 연장되지 않습니다", en: "This subscription cannot be extended now: none is in a free offer, in billing retry, past its grace period, or after its end"},
	4030005: {name: "SUBSCRIPTION_MAX_EXTENSION", ja: "この購読は365日以内にすでに2回延長されました", ko: "이 구독은 365일 안에 이미 두 번 연장되었습니다", en: "This subscription was already extended twice within 365 days"},
	4030007: {name: "FAMILY_SHARED_SUBSCRIPTION_EXTENSION_INELIGIBLE", ja: "ファミリー共有の購読は延長できません。購入した本人の購読を延長してください", ko: "가족 공유 구독은 연장할 수 없습니다. 구매한 본인의 구독을 연장해 주십시오", en: "A shared subscription cannot be extended; extend that of the family member who bought it"},
	4040001: {name: "ACCOUNT_NOT_FOUND", ja: "App Storeにこの購入者のアカウントが見つかりません", ko: "App Store에서 이 구매자의 계정을 찾을 수 없습니다", en: "The App Store does not find the buyer's account"},
	4040002: {name: "ACCOUNT_NOT_FOUND_RETRYABLE", again: true, ja: "App Storeにこの購入者のアカウントがまだ見つかりません。後でもう一度お試しください", ko: "App Store에서 아직 이 구매자의 계정을 찾을 수 없습니다. 나중에 다시 시도해 주십시오", en: "The App Store does not find the buyer's account yet; ask again later"},
	4040003: {name: "APP_NOT_FOUND", ja: "App Storeにこのアプリが見つかりません。バンドルIDを確認してください", ko: "App Store에서 이 앱을 찾을 수 없습니다. 번들 ID를 확인해 주십시오", en: "The App Store does not find the app; compare the bundle id"},
	4040004: {name: "APP_NOT_FOUND_RETRYABLE", again: true, ja: "App Storeにこのアプリがまだ見つかりません。後でもう一度お試しください", ko: "App Store에서 아직 이 앱을 찾을 수 없습니다. 나중에 다시 시도해 주십시오", en: "The App Store does not find the app yet; ask again later"},
	4040005: {name: "ORIGINAL_TRANSACTION_ID_NOT_FOUND", ja: "この環境に、このIDの最初の取引はありません", ko: "이 환경에 이 ID의 최초 거래가 없습니다", en: "There is no original transaction with this id in this environment"},
	4040006: {name: "ORIGINAL_TRANSACTION_ID_NOT_FOUND_RETRYABLE", again: true, ja: "このIDの最初の取引がまだ見つかりません。後でもう一度お試しください", ko: "이 ID의 최초 거래를 아직 찾을 수 없습니다. 나중에 다시 시도해 주십시오", en: "The original transaction is not found yet; ask again later"},
	4040007: {name: "SERVER_NOTIFICATION_URL_NOT_FOUND", ja: "App Store Connectに通知のURLが登録されていません。アプリ情報のサーバ通知に、このアカウントのURLを入力してください", ko: "App Store Connect에 알림 URL이 등록되어 있지 않습니다. 앱 정보의 서버 알림에 이 계정의 URL을 입력해 주십시오", en: "App Store Connect has no URL for notifications; enter this account's under App Information, App Store Server Notifications"},
	4040008: {name: "TEST_NOTIFICATION_NOT_FOUND", ja: "テスト通知の結果はまだないか、期限が切れました", ko: "테스트 알림의 결과가 아직 없거나 기한이 지났습니다", en: "There is no result of this test notification yet, or no longer"},
	4040009: {name: "STATUS_REQUEST_NOT_FOUND", ja: "この商品と依頼番号の一括延長はありません", ko: "이 상품과 요청 번호의 일괄 연장이 없습니다", en: "There is no extension of all with this product and request"},
	4040010: {name: "TRANSACTION_ID_NOT_FOUND", ja: "この環境に、このIDの取引はありません", ko: "이 환경에 이 ID의 거래가 없습니다", en: "There is no transaction with this id in this environment"},
	4040019: {name: "APP_TRANSACTION_DOES_NOT_EXIST_ERROR", ja: "この購入者によるアプリ自体の取引はありません", ko: "이 구매자의 앱 자체에 대한 거래가 없습니다", en: "There is no app transaction of this customer"},
	4290000: {name: "RATE_LIMIT_EXCEEDED", again: true, ja: "App Storeの呼び出し回数の上限に達しました。しばらく待ってから続けます", ko: "App Store 호출 횟수의 한도에 도달했습니다. 잠시 기다린 뒤 계속합니다", en: "The App Store's limit of calls is reached; wait before the next one"},
	5000000: {name: "GENERAL_INTERNAL", ja: "App Storeの内部で問題が起きました", ko: "App Store 내부에 문제가 발생했습니다", en: "Something went wrong inside the App Store"},
	5000001: {name: "GENERAL_INTERNAL_RETRYABLE", again: true, ja: "App Storeの内部で一時的な問題が起きました。後でもう一度お試しください", ko: "App Store 내부에 일시적인 문제가 발생했습니다. 나중에 다시 시도해 주십시오", en: "Something went wrong inside the App Store for a moment; ask again later"},
}

// in picks the text of a locale.
func in(l engawa.Locale, ja, ko, en string) string {
	switch l {
	case engawa.Japanese:
		return ja
	case engawa.Korean:
		return ko
	case engawa.English:
	}
	return en
}

// Meaning says in a sentence or two what happened and what to do. A code that is
// not known here is shown with its number and Apple's words.
func (e *APIError) Meaning(l engawa.Locale) string {
	known, ok := codes[e.Code]
	switch {
	case e.Ambiguous:
		return in(l, "App Storeから確かな答えが届かず、実行されたかどうか分かりません。もう一度頼む前に、結果を確認してください",
			"App Store에서 확실한 답을 받지 못해 실행되었는지 알 수 없습니다. 다시 요청하기 전에 결과를 확인해 주십시오",
			"No clear answer came from the App Store: it may have been done. Look at the result before asking again")
	case e.Status == http.StatusUnauthorized:
		return e.unauthorized(l)
	case ok && known.field != "":
		return fmt.Sprintf(in(l, "App Storeは%sの値を受け付けませんでした", "App Store가 %s의 값을 받아들이지 않았습니다", "The App Store does not take this value of %s"), known.field)
	case ok:
		return in(l, known.ja, known.ko, known.en)
	case e.Code != 0:
		return fmt.Sprintf(in(l, "App Storeが未知のコード%sで答えました: %s", "App Store가 알 수 없는 코드 %s(으)로 답했습니다: %s", "The App Store answered with a code that is not known here, %s: %s"), strconv.FormatInt(e.Code, 10), e.Text)
	case e.Status == 0:
		return in(l, "App Storeに問い合わせできませんでした", "App Store에 문의하지 못했습니다", "The App Store could not be asked")
	case e.Err != nil:
		return in(l, "App Storeの答えを読み取れませんでした", "App Store의 답을 읽지 못했습니다", "The App Store's answer cannot be read")
	}
	return fmt.Sprintf(in(l, "App Storeが理由を示さず、HTTP %dで答えました", "App Store가 이유 없이 HTTP %d(으)로 답했습니다", "The App Store answered HTTP %d and gave no reason"), e.Status)
}

// unauthorized explains why a token was refused, as far as it can be seen from
// here. The App Store gives no reason.
func (e *APIError) unauthorized(l engawa.Locale) string {
	minutes := int((e.Skew.Abs() + time.Minute - 1) / time.Minute)
	switch {
	case e.Skew > skewNoted:
		return fmt.Sprintf(in(l, "App Storeが認証を拒みました。このサーバの時計が約%d分進んでいます。時計を合わせて（NTP）、もう一度お試しください",
			"App Store가 인증을 거부했습니다. 이 서버의 시계가 약 %d분 빠릅니다. 시계를 맞춘 뒤(NTP) 다시 시도해 주십시오",
			"The App Store refuses the token: this machine's clock is about %d min ahead. Set the clock (NTP) and ask again"), minutes)
	case e.Skew < -skewNoted:
		return fmt.Sprintf(in(l, "App Storeが認証を拒みました。このサーバの時計が約%d分遅れています。時計を合わせて（NTP）、もう一度お試しください",
			"App Store가 인증을 거부했습니다. 이 서버의 시계가 약 %d분 느립니다. 시계를 맞춘 뒤(NTP) 다시 시도해 주십시오",
			"The App Store refuses the token: this machine's clock is about %d min behind. Set the clock (NTP) and ask again"), minutes)
	}
	return in(l, "App Storeが認証を拒みました。Issuer ID、キーID、.p8ファイル、バンドルIDが同じチームのものか、キーが取り消されていないかを確認してください。本番で一度も承認されていないアプリは、Sandboxだけを使えます",
		"App Store가 인증을 거부했습니다. Issuer ID, 키 ID, .p8 파일, 번들 ID가 같은 팀의 것인지, 키가 취소되지 않았는지 확인해 주십시오. 실제 환경에서 한 번도 승인되지 않은 앱은 Sandbox만 쓸 수 있습니다",
		"The App Store refuses the key. Check that issuer id, key id, .p8 file and bundle id belong to one team and that the key is not revoked. An app that was never approved for production can use the sandbox alone")
}
