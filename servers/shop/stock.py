"""What a new shop has: a dozen products, three customers. All of it is made up. Pure."""

from typing import Final

__all__ = ["CUSTOMERS", "PRODUCTS"]

# sku, name, description, price in cents, items in stock
PRODUCTS: Final = (
    ("BIKE-CITY", "Linden city bike", "Seven gears, mudguards, lights, a basket that holds a cat", 74900, 4),
    ("BIKE-KIDS", "Finch kids' bike", "20 inch wheels, for ages six to nine", 28900, 6),
    ("BELL-BRASS", "Brass bell", "One clear note, heard across a market square", 1490, 25),
    ("LIGHT-FRONT", "Front light 60 lux", "USB-C, eight hours at full brightness", 3990, 12),
    ("LIGHT-REAR", "Rear light", "Brightens when you brake", 2450, 18),
    ("LOCK-FOLD", "Folding lock", "85 cm, 1.2 kg, two keys", 5995, 9),
    ("HELMET-M", "Helmet, medium", "54 to 58 cm, turns with one dial", 6900, 7),
    ("TYRE-28", "Puncture-proof tyre, 28 inch", "Five millimetres of rubber against glass and thorns", 3290, 30),
    ("TUBE-28", "Inner tube, 28 inch", "Presta valve", 690, 80),
    ("PUMP-MINI", "Mini pump", "Fits a jacket pocket, up to 7 bar", 1990, 14),
    ("BAG-PANNIER", "Pannier bag, pair", "2 x 20 litres, waterproof", 8950, 3),
    ("OIL-CHAIN", "Chain oil", "50 ml, plant-based", 850, 1),
)

# id, name, e-mail (example.com is nobody's: RFC 2606)
CUSTOMERS: Final = (
    ("C-1", "Mara Lindqvist", "mara@example.com"),
    ("C-2", "Tomasz Okafor", "tomasz@example.com"),
    ("C-3", "Yuki Bauer", "yuki@example.com"),
)
