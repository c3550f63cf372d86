\echo Use "ALTER EXTENSION lepton UPDATE TO '1.4.0'" to load this file. \quit
