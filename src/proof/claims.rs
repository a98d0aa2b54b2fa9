//! Writes the claims of a statement as JSON, in the order in which they are given.

/// A JSON object that is being written.
#[derive(Debug)]
pub struct Claims {
    json: Vec<u8>,
}

impl Default for Claims {
    fn default() -> Self {
        let mut json = Vec::with_capacity(1024);
        json.push(b'{');
        Claims { json }
    }
}

impl Claims {
    /// Writes a text, unless it is empty.
    pub fn text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.name(name);
            self.quoted(text);
        }
    }

    /// Writes a number.
    pub fn number(&mut self, name: &str, number: impl Into<i128>) {
        self.name(name);
        self.json.extend_from_slice(number.into().to_string().as_bytes());
    }

    /// Writes true or false.
    pub fn flag(&mut self, name: &str, flag: bool) {
        self.name(name);
        self.json.extend_from_slice(if flag { b"true" } else { b"false" });
    }

    /// Writes texts, also if there are none.
    pub fn texts<T: AsRef<str>>(&mut self, name: &str, texts: impl IntoIterator<Item = T>) {
        self.name(name);
        self.json.push(b'[');
        for (at, text) in texts.into_iter().enumerate() {
            if at > 0 {
                self.json.push(b',');
            }
            self.quoted(text.as_ref());
        }
        self.json.push(b']');
    }

    /// Writes an object.
    pub fn object(&mut self, name: &str, write: impl FnOnce(&mut Claims)) {
        self.name(name);
        self.nested(write);
    }

    /// Writes objects, also if there are none.
    pub fn objects<T>(&mut self, name: &str, all: impl IntoIterator<Item = T>, write: impl Fn(&mut Claims, T)) {
        self.name(name);
        self.json.push(b'[');
        for (at, each) in all.into_iter().enumerate() {
            if at > 0 {
                self.json.push(b',');
            }
            self.nested(|claims| write(claims, each));
        }
        self.json.push(b']');
    }

    /// The object as JSON.
    pub fn into_json(mut self) -> Vec<u8> {
        self.json.push(b'}');
        self.json
    }

    fn nested(&mut self, write: impl FnOnce(&mut Claims)) {
        self.json.push(b'{');
        write(self);
        self.json.push(b'}');
    }

    fn name(&mut self, name: &str) {
        if self.json.last() != Some(&b'{') {
            self.json.push(b',');
        }
        self.quoted(name);
        self.json.push(b':');
    }

    fn quoted(&mut self, text: &str) {
        // A text is always written to memory.
        serde_json::to_writer(&mut self.json, text).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_json_in_the_order_given() {
        let mut claims = Claims::default();
        claims.text("iss", "a \"quoted\" text\n");
        claims.text("unset", "");
        claims.number("iat", -5_i64);
        claims.object("asked", |asked| {
            asked.flag("checked", true);
            asked.texts("none", [""; 0]);
            asked.texts("two", ["a", "b"]);
        });
        claims.object("empty", |_| {});
        claims.objects("periods", [1_u32, 2], |period, number| period.number("n", number));
        let json = String::from_utf8(claims.into_json()).unwrap();
        assert_eq!(
            json,
            r#"{"iss":"a \"quoted\" text\n","iat":-5,"asked":{"checked":true,"none":[],"two":["a","b"]},"empty":{},"periods":[{"n":1},{"n":2}]}"#
        );
    }
}
