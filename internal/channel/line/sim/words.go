package sim

// words of the page, by language.
var words = map[string]map[string]string{
	"ja": {
		"title": "LINE(シミュレーター)", "lead": "ある人のスマートフォンです。公式アカウントを友だちに追加したり、ブロックしたり、書いたり、ボタンを押したりすると、Webhookが届きます。",
		"failed": "できませんでした。", "whose": "だれのスマートフォンか", "choose": "この人にする", "nobody": "まだだれもいません。", "newPerson": "人を増やす", "name": "名前", "add": "追加する",
		"chats": "公式アカウント", "none": "公式アカウントはありません。", "friend": "友だち", "blocked": "ブロック中", "never": "友だちではない", "provider": "プロバイダー",
		"open": "開く", "follow": "友だち追加", "block": "ブロックする", "unblock": "ブロックを解除する", "empty": "まだメッセージはありません。", "write": "メッセージを書く", "send": "送る",
		"unsend": "送信を取り消す", "unsent": "取り消したメッセージです。", "menu": "リッチメニュー", "pass": "リンクを転送する", "passTo": "転送する相手", "links": "リンク",
		"passed": "転送されてきたリンク", "scan": "QRコードを読み取る", "openLink": "リンクを開く", "link": "リンクのアドレス", "offer": "友だち追加をすすめられたら応じる",
		"went": "ブラウザーで開きました", "asked": "次のページを、だれのスマートフォンで開きますか。", "push": "プッシュ", "multicast": "マルチキャスト", "broadcast": "一斉配信", "narrowcast": "ナローキャスト", "reply": "応答", "person": "本人",
	},
	"ko": {
		"title": "LINE(시뮬레이터)", "lead": "한 사람의 휴대폰입니다. 공식 계정을 친구로 추가하거나, 차단하거나, 글을 쓰거나, 버튼을 누르면 Webhook이 전송됩니다.",
		"failed": "할 수 없었습니다.", "whose": "누구의 휴대폰인지", "choose": "이 사람으로", "nobody": "아직 아무도 없습니다.", "newPerson": "사람 추가", "name": "이름", "add": "추가",
		"chats": "공식 계정", "none": "공식 계정이 없습니다.", "friend": "친구", "blocked": "차단 중", "never": "친구 아님", "provider": "프로바이더",
		"open": "열기", "follow": "친구 추가", "block": "차단", "unblock": "차단 해제", "empty": "아직 메시지가 없습니다.", "write": "메시지 쓰기", "send": "보내기",
		"unsend": "보내기 취소", "unsent": "취소한 메시지입니다.", "menu": "리치 메뉴", "pass": "링크 전달", "passTo": "받을 사람", "links": "링크",
		"passed": "전달받은 링크", "scan": "QR 코드 스캔", "openLink": "링크 열기", "link": "링크 주소", "offer": "친구 추가를 권하면 응하기",
		"went": "브라우저에서 열렸습니다", "asked": "다음 페이지를 열 휴대폰을 고르십시오", "push": "푸시", "multicast": "멀티캐스트", "broadcast": "전체 발송", "narrowcast": "내로캐스트", "reply": "응답", "person": "본인",
	},
	"en": {
		"title": "LINE (simulator)", "lead": "One person's phone. Adding or blocking an official account, writing to it or tapping a button sends the webhook.",
		"failed": "That did not work.", "whose": "Whose phone", "choose": "Take this one", "nobody": "There is nobody yet.", "newPerson": "Add a person", "name": "Name", "add": "Add",
		"chats": "Official accounts", "none": "There are no official accounts.", "friend": "Friend", "blocked": "Blocked", "never": "Not a friend", "provider": "Provider",
		"open": "Open", "follow": "Add friend", "block": "Block", "unblock": "Unblock", "empty": "There are no messages yet.", "write": "Write a message", "send": "Send",
		"unsend": "Unsend", "unsent": "You unsent a message.", "menu": "Rich menu", "pass": "Forward the link", "passTo": "To whom", "links": "Links",
		"passed": "Links from others", "scan": "Scan a QR code", "openLink": "Open a link", "link": "Address of the link", "offer": "Accept when asked to add a friend",
		"went": "It opened in the browser", "asked": "On whose phone shall this page open?", "push": "Push", "multicast": "Multicast", "broadcast": "Broadcast", "narrowcast": "Narrowcast", "reply": "Reply", "person": "This person",
	},
}
