// The golden frames of media; see GoldenFrames.swift.

import ClientProtocol
import Media
import Primitives

private let at2026 = Stamp(microseconds: 1_767_225_600_000_000)
private let hash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
private let reference = MediaReference(id: "00112233445566778899aabb", secret: "0123456789abcdef0123456789abcdef")!

extension Goldens {
    static let mediaClient: [Golden<ClientFrame>] = [
        Golden(
            "mediaUpload",
            .mediaUpload(
                ref: id("u1"), file: MediaFile(name: "fish.png", mime: "image/png", size: 70_000, hash: hash, isOpaque: false)!),
            json: #"{"type":"media.upload","ref":"u1","name":"fish.png","mime":"image/png","size":70000,"hash":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}"#,
            hex: "33 027531 08666973682e706e67 09696d6167652f706e67 f0a204 4030313233343536373839616263646566303132333435363738396162636465663031323334353637383961626364656630313233343536373839616263646566 00"),
        Golden(
            "mediaUploadOpaque",
            .mediaUpload(
                ref: id("u2"), file: MediaFile(name: "", mime: "application/pdf", size: 1, hash: hash, isOpaque: true)!),
            json: #"{"type":"media.upload","ref":"u2","name":"","mime":"application/pdf","size":1,"hash":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","opaque":true}"#,
            hex: "33 027532 00 0f6170706c69636174696f6e2f706466 01 4030313233343536373839616263646566303132333435363738396162636465663031323334353637383961626364656630313233343536373839616263646566 01"),
        Golden(
            "mediaLink", .mediaLink(ref: id("l1"), reference),
            json: #"{"type":"media.link","ref":"l1","media":"00112233445566778899aabb","secret":"0123456789abcdef0123456789abcdef"}"#,
            hex: "34 026c31 18303031313232333334343535363637373838393961616262 203031323334353637383961626364656630313233343536373839616263646566"),
        Golden(
            "mediaKeep", .mediaKeep(ref: id("k1"), reference),
            json: #"{"type":"media.keep","ref":"k1","media":"00112233445566778899aabb","secret":"0123456789abcdef0123456789abcdef"}"#,
            hex: "35 026b31 18303031313232333334343535363637373838393961616262 203031323334353637383961626364656630313233343536373839616263646566"),
    ]

    static let mediaServer: [Golden<ServerFrame>] = [
        Golden(
            "mediaUploadLink",
            .mediaUpload(
                ref: id("u1"), url: "http://127.0.0.1:8082/v1/media/up/00112233445566778899aabb?user=ana&until=1767229200&sig=c2ln",
                until: at2026),
            json: #"{"type":"media.upload","ref":"u1","url":"http://127.0.0.1:8082/v1/media/up/00112233445566778899aabb?user=ana&until=1767229200&sig=c2ln","until":1767225600000000}"#,
            hex: "27 027531 5d687474703a2f2f3132372e302e302e313a383038322f76312f6d656469612f75702f3030313132323333343435353636373738383939616162623f757365723d616e6126756e74696c3d31373637323239323030267369673d63326c6e 808081b184e99103"),
        Golden(
            "mediaLinkGiven",
            .mediaLink(
                ref: id("l1"), url: "http://127.0.0.1:8082/v1/media/get/00112233445566778899aabb?user=bob&until=1767225900&sig=c2ln",
                until: at2026),
            json: #"{"type":"media.link","ref":"l1","url":"http://127.0.0.1:8082/v1/media/get/00112233445566778899aabb?user=bob&until=1767225900&sig=c2ln","until":1767225600000000}"#,
            hex: "28 026c31 5e687474703a2f2f3132372e302e302e313a383038322f76312f6d656469612f6765742f3030313132323333343435353636373738383939616162623f757365723d626f6226756e74696c3d31373637323235393030267369673d63326c6e 808081b184e99103"),
        Golden("mediaKept", .mediaKept(ref: id("k1")), json: #"{"type":"media.kept","ref":"k1"}"#, hex: "29 026b31"),
    ]
}

extension SeededGenerator {
    private mutating func digits(_ count: Int) -> String {
        String((0..<count).map { _ in Array("0123456789abcdef")[pick(0..<16)] })
    }

    mutating func mediaReference() -> MediaReference {
        MediaReference(id: digits(MediaLimits.idDigitCount), secret: digits(MediaLimits.secretDigitCount))!
    }

    mutating func mediaFile() -> MediaFile {
        MediaFile(
            name: ["", "fish.png", "\"ç\u{1}\\"][pick(0..<3)], mime: "image/png", size: number(),
            hash: digits(MediaLimits.hashDigitCount), isOpaque: oneIn(2))!
    }
}
