\echo Use "ALTER EXTENSION lepton UPDATE TO '1.2.0'" to load this file. \quit
