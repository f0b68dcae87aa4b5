import MediaObjectStore
import Testing

/// Signatures that Amazon published: with its test suite of version 4, and in "Examples: Signature Calculations" of the S3 manual.
@Suite struct SignatureTests {
    private static let emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    private func signature(of value: String) -> String { String(value.split(separator: "Signature=").last!) }

    @Test(arguments: [
        ("GET", "/", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "/", "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        ("GET", "/", "Param1=value1&Param2=value2", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
        ("GET", "/%E1%88%B4", "", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
    ])
    func theTestSuiteAgrees(method: String, path: String, query: String, expected: String) {
        let keys = ObjectKeys(id: "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
        let value = RequestSigner(keys: keys, region: "us-east-1", service: "service").authorization(
            method, path, query: query, headers: [("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")],
            payloadHash: Self.emptyHash, time: "20150830T123600Z")
        #expect(
            value.hasPrefix("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, "))
        #expect(signature(of: value) == expected)
    }

    private func store(
        _ method: String, _ path: String, query: String = "", more: [(String, String)], payloadHash: String = emptyHash
    ) -> String {
        let keys = ObjectKeys(id: "AKIAIOSFODNN7EXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
        let headers = [
            ("x-amz-date", "20130524T000000Z"), ("host", "examplebucket.s3.amazonaws.com"), ("x-amz-content-sha256", payloadHash),
        ]
        return signature(
            of: RequestSigner(keys: keys, region: "us-east-1").authorization(
                method, path, query: query, headers: (headers + more).map { ($0.0, $0.1) }, payloadHash: payloadHash,
                time: "20130524T000000Z"))
    }

    @Test func theManualOfTheStoreAgrees() {
        #expect(
            store("GET", "/test.txt", more: [("range", "bytes=0-9")])
                == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
        #expect(
            store(
                "PUT", "/test%24file.text", more: [("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
                payloadHash: "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072")
                == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")
        #expect(
            store("GET", "/", query: "lifecycle=", more: []) == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")
        #expect(
            store("GET", "/", query: "max-keys=2&prefix=J", more: []) == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")
    }

    @Test func keysAreTwoWordsInOneLine() {
        let keys = ObjectKeys(id: "id", secret: "se+cr/et")
        for text in ["id se+cr/et", "# of the store\nid\tse+cr/et\n", "  id   se+cr/et\r\n"] {
            #expect(ObjectKeys.parse(Array(text.utf8)) == keys)
        }
        for text in ["", "id", "id secret more", "id\nsecret", "id se\u{7}cret", "id secret\nid secret", "# id secret"] {
            #expect(ObjectKeys.parse(Array(text.utf8)) == nil)
        }
    }
}
