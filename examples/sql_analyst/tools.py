"""What the analyst can ask: reviewed templates first, and a query of its own where none fits. Both read one shop's rows.

Whose rows are read comes from the person the agent works for, never from what the model says.
"""

from pathlib import Path

from two_shops import make_shop

from dueprocess import Attempt
from dueprocess.databases import SqliteDatabase, sql_tool, template_tool
from dueprocess.sql import Dialect, Scope, Table, Template

# Who works for which shop. In life the identity provider says so.
SHOP_OF = {"user:nora": "north", "user:sam": "south"}

SCOPE = Scope(
    dialect=Dialect.SQLITE,
    # The card numbers in `customers` and the column `shop` are not listed: no statement can name them.
    tables=(
        Table(name="customers", columns=("id", "name", "city"), tenant="shop"),
        Table(name="orders", columns=("id", "customer_id", "total_cents", "status", "placed"), tenant="shop"),
    ),
)
DATABASE = SqliteDatabase(make_shop(Path(__file__).with_name("shop.sqlite")), scope=SCOPE)


def shop_of(attempt: Attempt) -> str:
    """The shop of the person on whose behalf the call is made; for anybody else none, and the call is refused."""
    return SHOP_OF.get(attempt.on_behalf_of or "", "")


TEMPLATES = (
    Template(
        name="revenue_by_month",
        description="Paid revenue in cents for each month.",
        sql="""
            SELECT substr(placed, :first, :length) AS month, sum(total_cents) AS cents FROM orders
            WHERE status = :paid GROUP BY month ORDER BY month
        """,
        constants={"first": 1, "length": len("2026-03"), "paid": "paid"},
    ),
    Template(
        name="best_customers",
        description="The customers who paid most, with their city.",
        sql="""
            SELECT c.name, c.city, sum(o.total_cents) AS cents FROM customers c JOIN orders o ON o.customer_id = c.id
            WHERE o.status = :paid GROUP BY c.id, c.name, c.city ORDER BY cents DESC, c.name LIMIT :count
        """,
        parameters={"count": {"type": "integer", "minimum": 1, "maximum": 50}},
        constants={"paid": "paid"},
    ),
)

answer_question = template_tool("answer_question", DATABASE, templates=TEMPLATES, tenant=shop_of)
query_shop = sql_tool(
    "query_shop", DATABASE, tenant=shop_of, description="Answers a question about orders and customers."
)
