"""The words of names and descriptions by which a draft guesses. What is guessed from them is in `guess`.

Rule 1. A list holds words of the trade, never those of one tool set. What no list knows counts as unclear.
Rule 2. A name is split where its parts meet: at signs, digits and capitals (`sendEMail_v2`: send, e, mail, v).
"""

import re
from typing import Final

_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def parts(name: str) -> tuple[str, ...]:
    """The words of a name, in lower case (rule 2)."""
    return tuple(word.lower() for word in _PART.findall(name.replace("e-mail", "email").replace("eMail", "email")))


def words(text: str) -> frozenset[str]:
    """The words of a description, in lower case, plural and singular alike."""
    found = parts(text)
    return frozenset(found) | frozenset(word[:-1] for word in found if len(word) > 3 and word.endswith("s"))  # noqa: PLR2004 - "was" is no plural


WRITING: Final = frozenset(
    "add append apply approve archive assign book buy call cancel change charge clear close commit configure copy create "
    "deactivate delete deploy deposit disable drop edit email enable erase execute exec forward grant import insert "
    "install invite issue kill mail merge message modify move notify order overwrite patch pay place post publish purchase "
    "purge push put refund register reject remove rename replace reply reschedule reserve reset restart restore revoke "
    "rotate save schedule send set share shutdown sign start stop submit subscribe sync terminate transfer trigger tweet "
    "uninstall unsubscribe update upload upsert wipe wire withdraw write".split()
)
"""Leading words of what changes something."""

SURELY_WRITING: Final = frozenset(
    "cancel delete deploy drop erase exec execute forward grant invite kill pay post publish purchase purge refund remove "
    "revoke send share terminate transfer tweet uninstall upload wipe wire withdraw write".split()
)
"""Leading words that a tools file's `kind: read` does not outweigh."""

DESTROYING: Final = frozenset(
    "cancel clear deactivate decommission delete destroy disable drop erase kill overwrite purge remove reset revoke "
    "shutdown terminate truncate uninstall unsubscribe wipe".split()
)
GRANTING: Final = frozenset(
    "access acl admin administrator api_key auth certificate credential credentials grant invite key mfa oauth otp owner "
    "ownership passcode passphrase password passwd permission permissions pin policy privilege privileges role roles "
    "secret secrets share sudo token tokens totp unlock".split()
)
RUNNING: Final = frozenset(
    "bash cmd command commands deploy eval exec execute install powershell python query run script shell sql subprocess "
    "terminal".split()
)
"""Where one of these is what a write is about, its text is a program: none of it is content."""

PAYING: Final = frozenset(
    "bill buy charge checkout deposit donate funds invest invoice money pay payment payments payout purchase refund remit salary "
    "subscription transaction transactions transfer wire withdraw withdrawal".split()
)
IRREVERSIBLE: Final = ("cannot be undone", "can not be undone", "irreversible", "permanent", "no undo", "unrecoverable")
"""What a description says of an effect that nobody takes back."""

MONEY: Final = frozenset(
    "amount balance bill budget charge cost currency deposit dollar dollars eur euro fee gbp invoice money paid pay payment "
    "price purchase refund salary total transaction transfer usd wire withdrawal".split()
)
AMOUNTS: Final = frozenset("amount charge cost deposit fee payment price refund sum total usd dollars".split())
"""What an argument that is money is called."""

OTHER_UNITS: Final = frozenset(
    "bps cent cents count micros minor pence percent percentage pct points quantity units".split()
)
OTHER_MONEY: Final = frozenset("aud bitcoin btc cad chf cny crypto eth eur euro gbp inr jpy pound sek wei yen".split())

CONTENT: Final = frozenset(
    "body bio blurb caption comment comments content contents description desc detail details explanation feedback footer "
    "greeting headline introduction justification memo message msg note notes paragraph prose rationale reason "
    "reasoning remark remarks reply review signature subject summary text thought thoughts".split()
)
TITLES: Final = frozenset("headline subject title".split())
"""Content where something is made; where something is found by it, it directs."""

MARKUP: Final = frozenset("html markdown md plain plaintext markup".split())

DIRECTING: Final = frozenset(
    "address addresses allowed cmd code command cron directory domain either email enum expression filename folder formula "
    "host iban id identifier ids json key keyword link local must path pattern phone program query recipient recipients regex "
    "script sql template uri url username xml".split()
)
"""In the description of a text: it says where to, which one, or what is run; then it is no content."""

DIRECTING_PHRASES: Final = ("one of", "choose from", "such as '", 'such as "', "valid values", "options:", "either ")

ADDRESSES: Final = frozenset(
    "attendee attendees bcc cc email emails fax guest guests invitee invitees mail participant participants phone receiver "
    "recipient recipients telephone to webhook".split()
)
PLACES: Final = frozenset(
    "callback domain endpoint host hostname href http https ip link uri url urls webhook website".split()
)
WEB: Final = frozenset(
    "browse browser crawl curl dns http https hyperlink internet online scrape url urls web webhook webpage website whois".split()
)
SENDING: Final = frozenset(
    "email export fax forward invite mail post publish push reply share sms submit tweet upload webhook".split()
)
REACHED_BY: Final = frozenset("email emails fax mail phone sms telephone".split())
"""How somebody outside is reached, in the name or description of an argument that names people."""

PEOPLE: Final = frozenset({"human", "humans"})
"""Who a run is handed to where an agent does not go on: `transfer_to_human` transfers nothing else."""

FORMATS_OUTSIDE: Final = frozenset(
    "email hostname idn-email idn-hostname ipv4 ipv6 iri iri-reference uri uri-reference url".split()
)

DIRECTORIES: Final = frozenset(
    "account accounts channel channels colleague colleagues contact contacts customer customers directory employee employees "
    "member members people person profile team user users".split()
)

WRITTEN_BY_OTHERS: Final = frozenset(
    "article articles chat chats comment comments doc document documents email emails feed file files inbox mail mails "
    "message messages news note notes page pages post posts review reviews search thread threads ticket tickets web webpage".split()
)
"""What is read of these holds text that anybody may have written."""
