// ChatClient
