//! Single flight: what many want at once is read once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use crate::error::{Error, Result};

type Landed = watch::Receiver<Option<Result<(), Error>>>;

/// Reads under way, on whichever thread.
#[derive(Default)]
pub(super) struct Flights {
    under_way: Mutex<HashMap<u64, Landed>>,
}

impl Flights {
    /// Does `work`, unless someone is at the same already: then waits for him, and gives `None` when he is done, or gone.
    /// Whether what he brought will do is for the caller to see: he may have begun too early. His failure is the
    /// caller's, too; or everyone would wait for the same silent store in turn.
    pub(super) async fn fly<T>(&self, what: u64, work: impl Future<Output = Result<T>>) -> Result<Option<T>> {
        let landing = {
            let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            match under_way.get(&what) {
                Some(landed) => Err(landed.clone()),
                None => {
                    let (sender, landed) = watch::channel(None);
                    under_way.insert(what, landed);
                    Ok(Landing { flights: self, what, sender })
                }
            }
        };
        match landing {
            Ok(landing) => {
                let outcome = work.await;
                landing.told(outcome.as_ref().map(drop).map_err(Error::clone));
                outcome.map(Some)
            }
            Err(mut landed) => match landed.wait_for(Option::is_some).await {
                Ok(outcome) => outcome.clone().unwrap_or(Ok(())).map(|()| None),
                Err(_gone) => Ok(None),
            },
        }
    }
}

/// Ends a flight also when the client hangs up in the middle of it.
struct Landing<'a> {
    flights: &'a Flights,
    what: u64,
    sender: watch::Sender<Option<Result<(), Error>>>,
}

impl Landing<'_> {
    fn told(self, outcome: Result<(), Error>) {
        let sender = self.sender.clone();
        // Out of the way first: who hears of it may begin the next.
        drop(self);
        sender.send_replace(Some(outcome));
    }
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        self.flights.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.what);
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Arc;

    use futures_util::FutureExt;

    use super::*;
    use crate::error::Code;

    #[tokio::test]
    async fn many_who_want_the_same_read_it_once_and_share_its_failure() {
        let flights = Flights::default();
        let (go, gone) = tokio::sync::oneshot::channel::<Result<u8>>();
        let mut first = Box::pin(flights.fly(7, async { gone.await.unwrap() }));
        assert!(first.as_mut().now_or_never().is_none());
        let mut second = Box::pin(flights.fly(7, async { panic!("read twice") as Result<u8> }));
        assert!(second.as_mut().now_or_never().is_none());
        assert_eq!(flights.fly(8, async { Ok(1) }).await.unwrap(), Some(1));
        go.send(Err(Error::unavailable("away"))).unwrap();
        assert_eq!(first.await.unwrap_err().code, Code::Unavailable);
        assert_eq!(second.await.unwrap_err().code, Code::Unavailable);
        assert_eq!(flights.fly(7, async { Ok(2) }).await.unwrap(), Some(2));
    }

    #[tokio::test]
    async fn who_waits_for_one_that_hung_up_is_told() {
        let flights = Arc::new(Flights::default());
        let mut first = Box::pin(flights.fly(7, pending::<Result<u8>>()));
        assert!(first.as_mut().now_or_never().is_none());
        let mut second = Box::pin(flights.fly(7, async { Ok(1) }));
        assert!(second.as_mut().now_or_never().is_none());
        drop(first);
        assert_eq!(second.await.unwrap(), None);
        assert_eq!(flights.fly(7, async { Ok(2) }).await.unwrap(), Some(2));
    }
}
