// Drives Apple's library against simulators that the Go test has started. What
// to do comes on standard input; what was found goes to standard output, as JSON.
// A failed assertion ends it with an error.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import library from '@apple/app-store-server-library'

const {
  APIError, APIException, AppStoreServerAPIClient, GetTransactionHistoryVersion, IntroductoryOfferEligibilitySignatureCreator,
  PromotionalOfferSignatureCreator, PromotionalOfferV2SignatureCreator, SignedDataVerifier, VerificationException,
} = library

const input = JSON.parse(readFileSync(0, 'utf8'))

function verifier(store) {
  return new SignedDataVerifier([Buffer.from(store.root, 'base64')], false, store.environment, store.bundleId, store.appAppleId)
}

// What the library calls in vain must name this code.
async function refuses(code, call) {
  await assert.rejects(call, e => {
    assert(e instanceof APIException, e)
    assert.equal(e.apiError, code)
    assert.equal(e.httpStatusCode, Math.floor(code / 10000))
    return true
  })
}

// Every method of the client, with what must come back.
async function calls(store) {
  const client = new AppStoreServerAPIClient(store.key, store.keyId, store.issuerId, store.bundleId, store.environment)
  client.urlBase = store.url
  const proof = verifier(store)
  const ids = store.ids
  const called = new Set()
  const api = new Proxy(client, {
    get(target, name) {
      called.add(name)
      return typeof target[name] === 'function' ? target[name].bind(target) : target[name]
    },
  })

  const statuses = await api.getAllSubscriptionStatuses(ids.subscription, [1, 2])
  assert.equal(statuses.bundleId, store.bundleId)
  assert.equal(statuses.environment, store.environment)
  const last = statuses.data[0].lastTransactions[0]
  assert.equal(last.originalTransactionId, ids.subscription)
  assert.equal((await proof.verifyAndDecodeTransaction(last.signedTransactionInfo)).originalTransactionId, ids.subscription)
  assert.equal((await proof.verifyAndDecodeRenewalInfo(last.signedRenewalInfo)).autoRenewStatus, 1)
  await refuses(APIError.TRANSACTION_ID_NOT_FOUND, () => api.getAllSubscriptionStatuses('1'))
  await refuses(APIError.INVALID_TRANSACTION_ID, () => api.getAllSubscriptionStatuses('abc'))

  const seen = []
  let page
  do {
    page = await api.getTransactionHistory(ids.app, page ? page.revision : null, { sort: 'ASCENDING', revoked: false, productTypes: ['CONSUMABLE', 'AUTO_RENEWABLE'] }, GetTransactionHistoryVersion.V2)
    for (const signed of page.signedTransactions) seen.push((await proof.verifyAndDecodeTransaction(signed)).transactionId)
  } while (page.hasMore)
  assert.equal(new Set(seen).size, ids.bought)
  assert.ok((await api.getTransactionHistory(ids.subscription, null, {}, GetTransactionHistoryVersion.V1)).signedTransactions.length > 0)
  await refuses(APIError.INVALID_REQUEST_REVISION, () => api.getTransactionHistory(ids.app, 'x', {}, GetTransactionHistoryVersion.V2))

  const one = await api.getTransactionInfo(ids.consumable)
  assert.equal((await proof.verifyAndDecodeTransaction(one.signedTransactionInfo)).transactionId, ids.consumable)
  const app = await api.getAppTransactionInfo(ids.consumable)
  assert.equal((await proof.verifyAndDecodeAppTransaction(app.signedAppTransactionInfo)).appTransactionId, ids.app)

  if (store.environment === 'Production') {
    const order = await api.lookUpOrderId(ids.order)
    assert.equal(order.status, 0)
    assert.equal((await proof.verifyAndDecodeTransaction(order.signedTransactions[0])).transactionId, ids.consumable)
    assert.equal((await api.lookUpOrderId('NOSUCHORDER')).status, 1)
  }

  const refunds = await api.getRefundHistory(ids.refunded, null)
  assert.equal(refunds.hasMore, false)
  assert.equal((await proof.verifyAndDecodeTransaction(refunds.signedTransactions[0])).revocationType, 'REFUND_FULL')
  assert.equal((await api.getRefundHistory(ids.refunded, refunds.revision)).signedTransactions.length, 0)

  const extension = { extendByDays: 5, extendReasonCode: 1, requestIdentifier: 'oracle' }
  assert.equal((await api.extendSubscriptionRenewalDate(ids.subscription, extension)).success, true)
  assert.equal((await api.extendSubscriptionRenewalDate(ids.subscription, extension)).originalTransactionId, ids.subscription)
  await refuses(APIError.SUBSCRIPTION_MAX_EXTENSION, () => api.extendSubscriptionRenewalDate(ids.subscription, extension))
  await refuses(APIError.INVALID_EXTEND_BY_DAYS, () => api.extendSubscriptionRenewalDate(ids.subscription, { ...extension, extendByDays: 91 }))
  const request = 'fdf964a4-233b-486c-aac1-97d8d52688ac'
  const mass = { ...extension, requestIdentifier: request, productId: ids.product, storefrontCountryCodes: ['JPN', 'USA'] }
  assert.equal((await api.extendRenewalDateForAllActiveSubscribers(mass)).requestIdentifier, request)
  assert.equal((await api.getStatusOfSubscriptionRenewalDateExtensions(request, ids.product)).complete, false)
  await refuses(APIError.STATUS_REQUEST_NOT_FOUND, () => api.getStatusOfSubscriptionRenewalDateExtensions(request, 'other'))

  await api.sendConsumptionInformation(ids.asked, { customerConsented: true, sampleContentProvided: false, deliveryStatus: 'DELIVERED', consumptionPercentage: 50000, refundPreference: 'GRANT_PRORATED' })
  await api.sendConsumptionData(ids.asked, {
    customerConsented: true, consumptionStatus: 1, platform: 1, sampleContentProvided: false, deliveryStatus: 0, appAccountToken: '', accountTenure: 1, playTime: 1,
    lifetimeDollarsRefunded: 1, lifetimeDollarsPurchased: 1, userStatus: 1, refundPreference: 3,
  })
  await refuses(APIError.INVALID_CUSTOMER_CONSENTED, () => api.sendConsumptionInformation(ids.asked, { customerConsented: false, sampleContentProvided: false, deliveryStatus: 'DELIVERED' }))
  await api.setAppAccountToken(ids.subscription, { appAccountToken: '7389a31a-fb6d-4569-a2a6-db7d85d84813' })
  await refuses(APIError.INVALID_APP_ACCOUNT_TOKEN_UUID_ERROR, () => api.setAppAccountToken(ids.subscription, { appAccountToken: 'x' }))
  await api.finishTransaction(ids.consumable)

  const { testNotificationToken } = await api.requestTestNotification()
  let test
  for (let tries = 0; !test; tries++) {
    try {
      test = await api.getTestNotificationStatus(testNotificationToken)
    } catch (e) {
      assert.equal(e.apiError, APIError.TEST_NOTIFICATION_NOT_FOUND)
      assert.ok(tries < 100, 'the test notification never came')
      await new Promise(done => setTimeout(done, 50))
    }
  }
  assert.equal(test.sendAttempts[0].sendAttemptResult, 'SUCCESS')
  assert.equal((await proof.verifyAndDecodeNotification(test.signedPayload)).notificationType, 'TEST')
  const span = { startDate: Date.now() - 86400000 * 20, endDate: Date.now() + 1000 }
  let count = 0, token = null, more
  do {
    const history = await api.getNotificationHistory(token, span)
    for (const n of history.notificationHistory) await proof.verifyAndDecodeNotification(n.signedPayload)
    count += history.notificationHistory.length
    token = history.paginationToken
    more = history.hasMore
  } while (more)
  assert.ok(count > 20, `${count} notifications in the history`)
  assert.equal((await api.getNotificationHistory(null, { ...span, onlyFailures: true })).notificationHistory.length, 0)
  await refuses(APIError.MULTIPLE_FILTERS_SUPPLIED, () => api.getNotificationHistory(null, { ...span, transactionId: ids.subscription, notificationType: 'TEST' }))

  const image = 'a1b2c3d4-e5f6-7890-a1b2-c3d4e5f67890', message = 'b1b2c3d4-e5f6-7890-a1b2-c3d4e5f67890'
  await api.uploadImage(image, Buffer.from(store.png, 'base64'), 'FULL_SIZE')
  assert.equal((await api.getImageList()).imageIdentifiers[0].imageState, 'PENDING_REVIEW')
  await api.uploadMessage(message, { header: 'お待ちください', body: 'もう少し続けませんか', image: { imageIdentifier: image, altText: 'コーヒー' } })
  assert.equal((await api.getMessageList()).messageIdentifiers[0].messageIdentifier, message)
  await refuses(APIError.IMAGE_IN_USE, () => api.deleteImage(image))
  await refuses(APIError.MESSAGE_NOT_APPROVED, () => api.configureDefaultMessage(ids.product, 'ja-JP', { messageIdentifier: message }))
  await fetch(store.url + '/review', { method: 'POST' })
  await api.configureDefaultMessage(ids.product, 'ja-JP', { messageIdentifier: message })
  assert.equal((await api.getDefaultMessage(ids.product, 'ja-JP')).messageIdentifier, message)
  await api.deleteDefaultMessage(ids.product, 'ja-JP')
  await api.deleteMessage(message)
  await api.deleteImage(image)
  if (store.environment === 'Sandbox') {
    await api.configureRealtimeURL({ realtimeURL: store.realtime })
    assert.equal((await api.getRealtimeURL()).realtimeURL, store.realtime)
    const run = await api.initiatePerformanceTest({ originalTransactionId: ids.subscription })
    assert.ok(run.config.totalRequests > 0)
    let result
    do result = await api.getPerformanceTestResults(run.requestId)
    while (result.result === 'PENDING')
    assert.ok(['PASS', 'FAIL'].includes(result.result))
    assert.equal(result.target, store.realtime)
    await api.deleteRealtimeURL()
  } else {
    await refuses(APIError.FORBIDDEN_NO_PASSING_TEST, () => api.configureRealtimeURL({ realtimeURL: store.realtime }))
  }

  const stranger = new AppStoreServerAPIClient(store.key, store.keyId, store.issuerId, 'jp.other', store.environment)
  stranger.urlBase = store.url
  await assert.rejects(() => stranger.getTransactionInfo(ids.consumable), e => e.httpStatusCode === 401 && e.apiError === null)
  return [...called]
}

// Everything that was signed, by its kind; and nothing of another store's.
async function verifies(store) {
  const proof = verifier(store)
  const other = new SignedDataVerifier([Buffer.from(input.stranger, 'base64')], false, store.environment, store.bundleId, store.appAppleId)
  const types = new Set()
  for (const signed of store.notifications) {
    await assert.rejects(() => other.verifyAndDecodeNotification(signed), VerificationException)
    const n = await proof.verifyAndDecodeNotification(signed)
    types.add(n.subtype ? `${n.notificationType}/${n.subtype}` : n.notificationType)
    const data = n.data ?? {}
    if (data.signedTransactionInfo) {
      const t = await proof.verifyAndDecodeTransaction(data.signedTransactionInfo)
      if (data.signedRenewalInfo) assert.equal((await proof.verifyAndDecodeRenewalInfo(data.signedRenewalInfo)).originalTransactionId, t.originalTransactionId)
    }
    if (n.appData) await proof.verifyAndDecodeAppTransaction(n.appData.signedAppTransactionInfo)
  }
  for (const signed of store.realtimeRequests ?? []) assert.ok((await proof.verifyAndDecodeRealtimeRequest(signed)).requestIdentifier)
  return [...types]
}

// What an app holds on a device, which is named in it by the hash of a nonce and the
// device's id in lower case ("deviceVerification" of Transaction and AppTransaction).
async function holds(store) {
  const proof = verifier(store)
  const other = new SignedDataVerifier([Buffer.from(input.stranger, 'base64')], false, store.environment, store.bundleId, store.appAppleId)
  for (const { signed, transaction, app, device } of store.held) {
    const read = by => app ? by.verifyAndDecodeAppTransaction(signed) : by.verifyAndDecodeTransaction(signed)
    await assert.rejects(() => read(other), VerificationException)
    const held = await read(proof)
    assert.equal(app ? held.appTransactionId : held.transactionId, app ?? transaction)
    const named = device ? createHash('sha384').update(held.deviceVerificationNonce + device.toLowerCase()).digest('base64') : undefined
    assert.equal(held.deviceVerification || undefined, named)
  }
  return store.held.length
}

// Offers as the library signs them.
function signatures(store) {
  const { product, eligible, offer, app, accountToken } = store.ids
  const nonce = '7389a31a-fb6d-4569-a2a6-db7d85d84813', timestamp = Date.now()
  return {
    jws: new PromotionalOfferV2SignatureCreator(store.key, store.keyId, store.issuerId, store.bundleId).createSignature(product, offer, app),
    nonce, timestamp,
    signature: new PromotionalOfferSignatureCreator(store.key, store.keyId, store.bundleId).createSignature(product, offer, accountToken, nonce, timestamp),
    eligibility: new IntroductoryOfferEligibilitySignatureCreator(store.key, store.keyId, store.issuerId, store.bundleId).createSignature(eligible, true, app),
  }
}

const inherited = ['constructor', 'makeRequest', 'makeFetchRequest', 'createBearerToken']
const output = { methods: Object.getOwnPropertyNames(AppStoreServerAPIClient.prototype).filter(name => !inherited.includes(name)), called: [], types: [], held: 0 }
for (const store of input.stores) {
  if (store.call) output.called.push(...await calls(store))
  if (store.notifications) output.types.push(...await verifies(store))
  if (store.held) output.held += await holds(store)
  if (store.sign) output.signed = signatures(store)
}
process.stdout.write(JSON.stringify(output))
