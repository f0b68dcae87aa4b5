// ClientProtocol
