palisade_sdk::plugin! { "
    package acme:greeter;
    interface greeting {
        greet: func(name: string) -> result<string, string>;
    }
    world greeter { include palisade:plugin/plugin@0.1.0; export greeting; }
" }

struct Greeter;
impl exports::acme::greeter::greeting::Guest for Greeter {
    fn greet(name: String) -> Result<String, String> {
        if name.is_empty() { Err("a name is needed".into()) } else { Ok(format!("Hello, {name}!")) }
    }
}
export!(Greeter);
