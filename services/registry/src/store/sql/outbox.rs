//! Messages that still have to leave.

use async_trait::async_trait;
use lineal_kernel::Timestamp;

use super::{
    Connection, DbRow, Store,
    rows::{self, Read},
};
use crate::domain::outbox::{Message, Totals, Waiting};
use crate::store::{Lead, OutboxStore, Result};

const INSERT: &str = "INSERT INTO outbox (kind, subject, message_id, body, created_us) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (message_id) DO NOTHING";
const WAITING: &str = "SELECT * FROM outbox WHERE kind = $1 AND sequence > $2 ORDER BY sequence LIMIT $3";
const DELETE: &str = "DELETE FROM outbox WHERE kind = $1 AND sequence = $2";
/// The `most`th message from the end is the last that stays.
const TRIM: &str = "DELETE FROM outbox WHERE kind = $1 AND sequence <= \
     (SELECT sequence FROM outbox WHERE kind = $1 ORDER BY sequence DESC LIMIT 1 OFFSET $2)";
const COUNT: &str = "INSERT INTO outbox_totals (kind, delivered, dropped) VALUES ($1, $2, $3) \
     ON CONFLICT (kind) DO UPDATE SET delivered = outbox_totals.delivered + excluded.delivered, \
     dropped = outbox_totals.dropped + excluded.dropped";
const TOTALS: &str = "SELECT (SELECT COUNT(*) FROM outbox WHERE kind = $1) AS waiting, \
     COALESCE((SELECT delivered FROM outbox_totals WHERE kind = $1), 0) AS delivered, \
     COALESCE((SELECT dropped FROM outbox_totals WHERE kind = $1), 0) AS dropped";

/// Puts messages into the outbox inside the transaction of their change. One that is there already stays as it is.
pub(super) async fn put(tx: &mut Connection, messages: &[Message], now: Timestamp) -> Result<()> {
    for message in messages {
        sqlx::query(INSERT)
            .bind(message.kind)
            .bind(&message.subject)
            .bind(&message.id)
            .bind(&message.body)
            .bind(now.micros())
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

async fn count(tx: &mut Connection, kind: &str, delivered: u64, dropped: u64) -> Result<()> {
    let count = sqlx::query(COUNT).bind(kind).bind(rows::column(delivered)).bind(rows::column(dropped));
    count.execute(tx).await?;
    Ok(())
}

#[async_trait]
impl OutboxStore for Store {
    async fn waiting(&self, kind: &str, sequence: u64, limit: u32) -> Result<Vec<Waiting>> {
        let found = sqlx::query(WAITING)
            .bind(kind)
            .bind(rows::column(sequence))
            .bind(i64::from(limit))
            .fetch_all(self.db.reader())
            .await?;
        found.iter().map(waiting).collect()
    }

    async fn delivered(&self, kind: &str, sequence: u64) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let taken = sqlx::query(DELETE).bind(kind).bind(rows::column(sequence)).execute(&mut *tx).await?;
        count(&mut tx, kind, taken.rows_affected(), 0).await?;
        Ok(tx.commit().await?)
    }

    async fn trim(&self, kind: &str, most: u64) -> Result<u64> {
        let mut tx = self.db.begin().await?;
        let given_up = sqlx::query(TRIM).bind(kind).bind(rows::column(most)).execute(&mut *tx).await?.rows_affected();
        if given_up > 0 {
            count(&mut tx, kind, 0, given_up).await?;
        }
        tx.commit().await?;
        Ok(given_up)
    }

    async fn totals(&self, kind: &str) -> Result<Totals> {
        let row = sqlx::query(TOTALS).bind(kind).fetch_one(self.db.reader()).await?;
        let [waiting, delivered, dropped] = ["waiting", "delivered", "dropped"].map(|column| row.number(column));
        Ok(Totals { waiting: waiting?, delivered: delivered?, dropped: dropped? })
    }

    async fn lead(&self, duty: &str) -> Result<Option<Lead>> {
        Ok(self.db.lead(duty).await?.map(|lead| Box::new(lead) as Lead))
    }
}

fn waiting(row: &DbRow) -> Result<Waiting> {
    Ok(Waiting { sequence: row.number("sequence")?, subject: row.text("subject")?, body: row.text("body")? })
}
