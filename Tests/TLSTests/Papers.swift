// Certificates and keys of tests, good until 2126. They are secret to nobody and good for nothing else.

enum Papers {
    /// Whom the tests believe.
    static let authority = """
        -----BEGIN CERTIFICATE-----
        MIIBPTCB5aADAgECAhR4MfiKEDZnLqR7Rdt6EDaj8qFjLTAKBggqhkjOPQQDAjAU
        MRIwEAYDVQQDDAlhdXRob3JpdHkwIBcNMjYwMTAxMDAwMDAwWhgPMjEyNjAxMDEw
        MDAwMDBaMBQxEjAQBgNVBAMMCWF1dGhvcml0eTBZMBMGByqGSM49AgEGCCqGSM49
        AwEHA0IABA1wu2totZXCoh3D3UFyGtWDkE9F0qZC+5RXyPPDFL3K0IELzIZQVHJG
        THrPkZ9QBraesg3KGDT4h1nxOOt4iZqjEzARMA8GA1UdEwEB/wQFMAMBAf8wCgYI
        KoZIzj0EAwIDRwAwRAIgWmvAIwgoWlwyLwx+Fe8zsrK4jUp6XDvK7fIrUBU/auIC
        ICp0CaBmsOtpxNFukD64Y8FtOhQNf4tVU507jDrGvEvf
        -----END CERTIFICATE-----
        """
    /// Whom they do not.
    static let otherAuthority = """
        -----BEGIN CERTIFICATE-----
        MIIBSTCB8aADAgECAhQSSOeRYWQy0QuoLqEQ0JFG7tm1lDAKBggqhkjOPQQDAjAa
        MRgwFgYDVQQDDA9vdGhlciBhdXRob3JpdHkwIBcNMjYwMTAxMDAwMDAwWhgPMjEy
        NjAxMDEwMDAwMDBaMBoxGDAWBgNVBAMMD290aGVyIGF1dGhvcml0eTBZMBMGByqG
        SM49AgEGCCqGSM49AwEHA0IABG+7p2BYFpPBHybU3uDSUYw22rDRqJ07ShuCSl1G
        PZQ2xJtafwi4sorc6II4z9BLGQlphYy4vcg4rwSvSaAD2FajEzARMA8GA1UdEwEB
        /wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgcYUiWnbRxOCCp22Uv/tr+yJmV3nJ
        5Dnb2udaMhOJnV8CIGiGzLQBEPZ9VzYQDkapbhED+O8lY0l+yBDg8O0QssVS
        -----END CERTIFICATE-----
        """
    /// Of `localhost` and 127.0.0.1.
    static let server = """
        -----BEGIN CERTIFICATE-----
        MIIBUzCB+6ADAgECAhQ4L6cN2jCmYed5YBdiWd3JbdtOLDAKBggqhkjOPQQDAjAU
        MRIwEAYDVQQDDAlhdXRob3JpdHkwIBcNMjYwMTAxMDAwMDAwWhgPMjEyNjAxMDEw
        MDAwMDBaMBExDzANBgNVBAMMBnNlcnZlcjBZMBMGByqGSM49AgEGCCqGSM49AwEH
        A0IABKbwHcEPDWyHBuFUCDT4WnT5Ps8uOU5QwQ1rSwaSeoQDeag6iMaZ87SfyemW
        ZSTZDWYozdMxSRTYvuLo4oGVYlCjLDAqMAwGA1UdEwEB/wQCMAAwGgYDVR0RBBMw
        EYIJbG9jYWxob3N0hwR/AAABMAoGCCqGSM49BAMCA0cAMEQCICnqOMhUq3DE3WRy
        f0rFesJi0EOcgqtWXtpZBMW26SmvAiBpx4NTQuzpALDL0eehDJVk+sak69+Ef9Q0
        u1yMUjRW2Q==
        -----END CERTIFICATE-----
        """
    static let serverKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgL98guqU4NzLSgvHz
        NnAoK4cT4RA1hiE9KDhTb3nyXSihRANCAASm8B3BDw1shwbhVAg0+Fp0+T7PLjlO
        UMENa0sGknqEA3moOojGmfO0n8nplmUk2Q1mKM3TMUkU2L7i6OKBlWJQ
        -----END PRIVATE KEY-----
        """
    /// Of the node gateway-1.
    static let gateway = """
        -----BEGIN CERTIFICATE-----
        MIIBSTCB8KADAgECAhQDf3nY/N/EXoUC0afcihAA8AVEYzAKBggqhkjOPQQDAjAU
        MRIwEAYDVQQDDAlhdXRob3JpdHkwIBcNMjYwMTAxMDAwMDAwWhgPMjEyNjAxMDEw
        MDAwMDBaMAwxCjAIBgNVBAMMAWEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQz
        /JG/Oy1Wae2WHz7gfmr4Uo24GOvjyrTipoXWOpNm/OQuU2og0JzRgJRyzGVNmAST
        6+4ZRReZkfU0mt2OAKzYoyYwJDAMBgNVHRMBAf8EAjAAMBQGA1UdEQQNMAuCCWdh
        dGV3YXktMTAKBggqhkjOPQQDAgNIADBFAiBruWcCIcsILBbT9eiKkqyByE5GB5zP
        Ra6Z9WvqrHJ7wwIhAJTcej8pc2QcztrbaoV4OcWH4WeigqzsM21P4/rjERFW
        -----END CERTIFICATE-----
        """
    static let gatewayKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgc1Rj6WrxWkJ8Y7cj
        gfxLtQHi6BdtiK4uJhjOlNdEQFihRANCAAQz/JG/Oy1Wae2WHz7gfmr4Uo24GOvj
        yrTipoXWOpNm/OQuU2og0JzRgJRyzGVNmAST6+4ZRReZkfU0mt2OAKzY
        -----END PRIVATE KEY-----
        """
    /// Of the node session-1.
    static let session = """
        -----BEGIN CERTIFICATE-----
        MIIBSTCB8KADAgECAhRDqafeHfzbS/ZLmrRD+CWSQ1w4jzAKBggqhkjOPQQDAjAU
        MRIwEAYDVQQDDAlhdXRob3JpdHkwIBcNMjYwMTAxMDAwMDAwWhgPMjEyNjAxMDEw
        MDAwMDBaMAwxCjAIBgNVBAMMAWIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQw
        SLjZlZZO94OMmyjRKC3DP/ekI1mQRWqoAqLFYAARQRHm/q3QvbP+WLFQlP1k70mn
        rLtDcybV88LXGOCr3GjPoyYwJDAMBgNVHRMBAf8EAjAAMBQGA1UdEQQNMAuCCXNl
        c3Npb24tMTAKBggqhkjOPQQDAgNIADBFAiEA5zNV7RF4ID54GsUfDSb5KmJDxGxo
        WFcvNO8HMnfBQgMCIHwQI73+SjiTr9zxZZSXD5muy+ifFhWUQjVXvvsZv8n8
        -----END CERTIFICATE-----
        """
    static let sessionKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgmlR7nf6LdVbtVscx
        mUJxwaQVWVn66KblsC7jKZ0CLBChRANCAAQwSLjZlZZO94OMmyjRKC3DP/ekI1mQ
        RWqoAqLFYAARQRHm/q3QvbP+WLFQlP1k70mnrLtDcybV88LXGOCr3GjP
        -----END PRIVATE KEY-----
        """
    /// Of gateway-1 too, by the other authority.
    static let foreign = """
        -----BEGIN CERTIFICATE-----
        MIIBTzCB9qADAgECAhRuULG6nPwA6NqxzdwRkTTHLDuOyDAKBggqhkjOPQQDAjAa
        MRgwFgYDVQQDDA9vdGhlciBhdXRob3JpdHkwIBcNMjYwMTAxMDAwMDAwWhgPMjEy
        NjAxMDEwMDAwMDBaMAwxCjAIBgNVBAMMAWYwWTATBgcqhkjOPQIBBggqhkjOPQMB
        BwNCAATZluZYS/N3EE+3C/WAvAAFn2ofTcbr+BReANo0c38GUvsFpbg0gkBZIUs4
        roQPiFUFz3M89x/B65b0WeSKaSS0oyYwJDAMBgNVHRMBAf8EAjAAMBQGA1UdEQQN
        MAuCCWdhdGV3YXktMTAKBggqhkjOPQQDAgNIADBFAiEAmlGyVYf6r3lTKn1L6uT5
        NvLg3/N5Az+CALnvUJFC3JACIGJsN4eu+lhXl0bXbqMaNVfm259VCaQBYuHxLhTo
        d8D/
        -----END CERTIFICATE-----
        """
    static let foreignKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgEjNVYNT7/QLt1y5N
        Q6rPeZXpyuB7N/QA9PjEobCr2rWhRANCAATZluZYS/N3EE+3C/WAvAAFn2ofTcbr
        +BReANo0c38GUvsFpbg0gkBZIUs4roQPiFUFz3M89x/B65b0WeSKaSS0
        -----END PRIVATE KEY-----
        """
}
