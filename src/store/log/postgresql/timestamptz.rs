//! Instants as the database has them: whole microseconds.

use std::error::Error;

use jiff::Timestamp;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

/// The database counts from the beginning of the year 2000.
const EPOCH: i64 = 946_684_800_000_000;

/// An instant in the database. The earliest and the latest one that this program knows are the infinities there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timestamptz(pub(super) Timestamp);

impl Timestamptz {
    fn of(micros: i64) -> Result<Timestamptz, jiff::Error> {
        Ok(Timestamptz(match micros {
            i64::MIN => Timestamp::MIN,
            i64::MAX => Timestamp::MAX,
            micros => Timestamp::from_microsecond(micros.saturating_add(EPOCH))?,
        }))
    }

    fn micros(self) -> i64 {
        match self.0 {
            earliest if earliest == Timestamp::MIN => i64::MIN,
            latest if latest == Timestamp::MAX => i64::MAX,
            instant => instant.as_microsecond().saturating_sub(EPOCH),
        }
    }
}

impl ToSql for Timestamptz {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&self.micros().to_be_bytes());
        Ok(IsNull::No)
    }

    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Timestamptz {
    fn from_sql(_: &Type, bytes: &'a [u8]) -> Result<Timestamptz, Box<dyn Error + Sync + Send>> {
        Ok(Timestamptz::of(i64::from_be_bytes(bytes.try_into()?))?)
    }

    accepts!(TIMESTAMPTZ);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_the_same_in_the_database() {
        for (text, bytes) in [
            ("2000-01-01T00:00:00Z", 0_i64),
            ("1999-12-31T23:59:59.999999Z", -1),
            ("2026-11-29T08:04:21.000007Z", 849_254_661_000_007),
        ] {
            let (instant, mut out) = (Timestamptz(text.parse().unwrap()), BytesMut::new());
            instant.to_sql(&Type::TIMESTAMPTZ, &mut out).unwrap();
            assert_eq!(out[..], bytes.to_be_bytes(), "{text}");
            assert_eq!(Timestamptz::from_sql(&Type::TIMESTAMPTZ, &out).unwrap(), instant);
        }
        for instant in [Timestamp::MIN, Timestamp::MAX] {
            assert_eq!(Timestamptz::of(Timestamptz(instant).micros()).unwrap(), Timestamptz(instant));
        }
        assert!(Timestamptz::of(i64::MAX - 1).is_err(), "later than this program knows");
    }
}
