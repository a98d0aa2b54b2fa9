//! Lists over a stream of questions: rows are asked and passed on with their answers, in order, and only a bounded
//! number of them is in memory.

use std::collections::VecDeque;
use std::path::Path;

use futures_util::stream::poll_fn;
use tokio::sync::mpsc;
use tokio_stream::{Stream, StreamExt as _};

use super::failure::Failure;
use super::list::{List, Row};

/// The maximum number of rows that are asked and not answered yet.
const UNDER_WAY: usize = 4096;

/// The number of rows that are passed on together.
const TOGETHER: usize = 1000;

/// Returns a sender of questions, and the stream that they are sent on. It has room for the options of the stream and
/// for every row under way.
pub fn channel<Q: Send + 'static>() -> (mpsc::Sender<Q>, impl Stream<Item = Q> + Send + 'static) {
    let (questions, mut sent) = mpsc::channel(UNDER_WAY + 1);
    (questions, poll_fn(move |context| sent.poll_recv(context)))
}

/// A row, what its question is about, and its answer if it is not asked.
pub type Pending<C, A> = (Row, C, Option<A>);

/// Returns the rows of a list with their questions. `ask` gives the question of a row and what it is about, or the
/// answer of a row that is not asked. A row that is left out has neither.
pub fn questions<'l, C: Default, Q, A>(
    list: &'l List,
    path: &'l Path,
    ask: impl Fn(&Row) -> Result<(C, Q), A> + 'l,
) -> impl Iterator<Item = Result<(Pending<C, A>, Option<Q>), Failure>> + 'l {
    list.rows().map(move |row| {
        let row = row.map_err(|error| error.failure(path))?;
        if row.left_out().is_some() {
            return Ok(((row, C::default(), None), None));
        }
        Ok(match ask(&row) {
            Ok((about, question)) => ((row, about, None), Some(question)),
            Err(answer) => ((row, C::default(), Some(answer)), None),
        })
    })
}

/// Asks the question of each row that has one, and passes the rows on, each with its answer if it was asked.
pub async fn pass<R, Q, A>(
    mut rows: impl Iterator<Item = Result<(R, Option<Q>), Failure>>,
    questions: mpsc::Sender<Q>,
    mut answers: impl Stream<Item = Result<A, Failure>> + Unpin,
    mut take: impl AsyncFnMut(Vec<(R, Option<A>)>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut questions = Some(questions);
    let (mut waiting, mut answered) = (VecDeque::new(), Vec::new());
    loop {
        while waiting.len() < UNDER_WAY
            && let Some(to) = &questions
        {
            let Some((row, question)) = rows.next().transpose()? else {
                questions = None;
                break;
            };
            let is_asked = question.is_some();
            waiting.push_back((row, is_asked));
            // If the stream has ended, its error is read as the next answer.
            if let Some(question) = question
                && to.send(question).await.is_err()
            {
                questions = None;
            }
        }
        let Some((row, is_asked)) = waiting.pop_front() else { break };
        let answer = if is_asked { Some(next(&mut answers).await?) } else { None };
        answered.push((row, answer));
        if answered.len() == TOGETHER {
            take(std::mem::take(&mut answered)).await?;
        }
    }
    if !answered.is_empty() {
        take(answered).await?;
    }
    match answers.next().await {
        None => Ok(()),
        Some(more) => more.and(Err(Failure::said(vec!["more answers came than rows were sent".to_owned()]))),
    }
}

/// The failure of a stream that does not begin with the state of knowledge that it is answered from.
pub fn not_pinned() -> Failure {
    Failure::said(vec!["the server did not say from which state of knowledge it answers".to_owned()])
}

async fn next<A>(answers: &mut (impl Stream<Item = Result<A, Failure>> + Unpin)) -> Result<A, Failure> {
    let ended = || Failure::said(vec!["the server ended the stream before it had answered every row".to_owned()]);
    answers.next().await.ok_or_else(ended)?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers each number with its double.
    fn doubled(sent: impl Stream<Item = u64> + Send + 'static) -> impl Stream<Item = Result<u64, Failure>> + Unpin {
        Box::pin(sent.map(|number| Ok(2 * number)))
    }

    #[tokio::test]
    async fn rows_come_back_in_order_with_their_answers() {
        for count in [0, 1, 999, 1000, 1001, 20_000] {
            let (questions, sent) = channel();
            let rows = (0..count).map(|row| Ok((row, (row % 3 > 0).then_some(row))));
            let mut next = 0;
            pass(rows, questions, doubled(sent), async |rows| {
                assert!(rows.len() <= TOGETHER);
                for (row, answer) in rows {
                    assert_eq!((row, answer), (next, (next % 3 > 0).then_some(2 * next)));
                    next += 1;
                }
                Ok(())
            })
            .await
            .unwrap();
            assert_eq!(next, count);
        }
    }

    #[tokio::test]
    async fn an_answer_without_a_row_is_a_failure() {
        let (questions, sent) = channel();
        let answers = doubled(sent).chain(tokio_stream::once(Ok(7)));
        let rows = (0..10).map(|row| Ok((row, Some(row))));
        let failed = pass(rows, questions, answers, async |_| Ok(())).await.unwrap_err();
        assert!(failed.to_string().contains("more answers came than rows were sent"), "{failed}");
    }

    #[tokio::test]
    async fn a_row_without_an_answer_is_a_failure() {
        let (questions, sent) = channel();
        let answers = doubled(sent.take(7_000));
        let rows = (0..10_000).map(|row| Ok((row, Some(row))));
        let failed = pass(rows, questions, answers, async |_| Ok(())).await.unwrap_err();
        assert!(failed.to_string().contains("before it had answered every row"), "{failed}");
    }
}
