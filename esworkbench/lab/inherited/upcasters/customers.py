"""CustomerRegistered, and the points a customer is granted."""

from esworkbench.lab.inherited.shop import Payload
from esworkbench.upcasters import Upcaster


def customer_registered_v1_to_v2_split_name(payload: Payload) -> Payload:
    """Since May 2016 letters have been addressed by last name: the last word is the last name, however many stand
    before it; a single word counts as the first name.
    """
    first, _, last = payload.pop("name").strip().rpartition(" ")
    names = {"first_name": first, "last_name": last} if first else {"first_name": last, "last_name": ""}
    return {**payload, **names}


def customer_registered_v2_to_v3_add_address(payload: Payload) -> Payload:
    """The first forms asked for no address, and sent e-mail addresses with capitals. The blank address is a magic
    default of unknown origin: do not remove without investigation.
    """
    blank = {"street": "", "city": "", "zip": ""}
    return {**payload, "email": payload["email"].lower(), "address": blank}


def customer_registered_v3_to_v4_postal_code(payload: Payload) -> Payload:
    """The shop began to ship abroad in September 2020: zip became postal_code, in capitals, and everybody before lived
    in the US. A zip that was null counts as blank.
    """
    address = dict(payload["address"])
    postal_code = (address.pop("zip") or "").upper()
    return {**payload, "address": {"country": "US", **address, "postal_code": postal_code}}


def loyalty_points_granted_v1_to_v2_count_cents(payload: Payload) -> Payload:
    """Until 15 January 2018 a point stood for a dollar, since then for a cent. Shape and recorded version stayed the
    same, so only the time tells the two apart.
    """
    return {**payload, "points": payload["points"] * 100}


def loyalty_points_granted_v2_to_v3_add_reason(payload: Payload) -> Payload:
    """Points got a reason and an end in November 2020; earlier ones came from purchases. The end in 2099 is of unknown
    origin: do not remove without investigation.
    """
    return {**payload, "reason": "purchase", "expires_on": "2099-12-31"}


CUSTOMER_UPCASTERS = (
    Upcaster("CustomerRegistered", 1, customer_registered_v1_to_v2_split_name),
    Upcaster("CustomerRegistered", 2, customer_registered_v2_to_v3_add_address),
    Upcaster("CustomerRegistered", 3, customer_registered_v3_to_v4_postal_code),
    Upcaster("LoyaltyPointsGranted", 1, loyalty_points_granted_v1_to_v2_count_cents),
    Upcaster("LoyaltyPointsGranted", 2, loyalty_points_granted_v2_to_v3_add_reason),
)
