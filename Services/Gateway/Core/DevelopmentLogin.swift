// `/v1/login`: which log-in this cluster has, whether a token holds, and, for development, a token for any name.
//
//     GET  /v1/login                        {"development":false}
//     GET  /v1/login  Authorization: ...    {"development":false,"token":"token_expired"}     or "ok"
//     POST /v1/login?user=ana&device=web-1  {"token":"eyJ..."}                                only with `login development`
//
// A browser is not told why a WebSocket was refused; the second form is how a page finds out. It tells no more than the
// refusal of the upgrade tells everybody else.
//
// The third form asks for no password, so it must reach nobody but the person at this machine. Three locks: it is off unless
// cluster.conf says `login development`; a cluster file that says so is refused when a gateway listens on anything but a
// loopback address; and a request must name this machine in `Host` and come from no page or from a page of this very host.

import Primitives
import Tokens
import WebSocket

/// Mints tokens for people at this machine.
public struct DevelopmentLogin: Sendable {
    private let minter: TokenMinter
    private let key: TokenKey

    /// - Parameter key: one that may sign.
    public init(minter: TokenMinter, key: TokenKey) {
        precondition(key.maySign)
        self.minter = minter
        self.key = key
    }

    /// The answer to a POST.
    /// - Throws: `.forbiddenOrigin`, or `.badRequest` with `user_invalid` or `device_invalid`.
    func answer(to request: HTTPRequest, nowSeconds: Int64) throws(HTTPRefusal) -> [UInt8] {
        guard request.isOfThisMachine else { throw .forbiddenOrigin }
        guard let user = request.queryValue("user").flatMap({ UserID($0) }) else { throw .badRequest(.userInvalid) }
        var device: DeviceID?
        if let name = request.queryValue("device") {
            device = DeviceID(name)
            guard device != nil else { throw .badRequest(.deviceInvalid) }
        }
        do throws(TokenMintRefusal) {
            let token = try minter.mint(
                sub: user, device: device, ttlSeconds: GatewayLimits.developmentTokenSeconds, nowSeconds: nowSeconds, key: key)
            return HTTPResponse.answer(json: "{\"token\":\"\(token)\"}\n")
        } catch {
            switch error {
            // The name of a group.
            case .reservedName: throw .badRequest(.userInvalid)
            case .badClock: throw .unavailable(reason: "clock", retryAfterSeconds: GatewayLimits.unavailableRetrySeconds)
            case .keyMayNotSign, .badLife: preconditionFailure("checked at the start: \(error.sentence)")
            }
        }
    }
}

extension GatewayCore {
    /// The answer to whatever is asked of `/v1/login`.
    func loginAnswer(to request: HTTPRequest, nowSeconds: Int64) throws(HTTPRefusal) -> [UInt8] {
        if request.method == "GET" {
            var answer = "{\"development\":\(login != nil)"
            if let token = request.bearerToken { answer += ",\"token\":\"\(verdict(on: token, nowSeconds: nowSeconds))\"" }
            return HTTPResponse.answer(json: answer + "}\n")
        }
        guard let login else { throw .methodNotAllowed(.get) }
        guard request.method == "POST" else { throw .methodNotAllowed(.getAndPost) }
        return try login.answer(to: request, nowSeconds: nowSeconds)
    }

    private func verdict(on token: String, nowSeconds: Int64) -> String {
        do throws(TokenRefusal) {
            _ = try verifier.verify(token, nowSeconds: nowSeconds)
            return "ok"
        } catch {
            return error.code
        }
    }
}
